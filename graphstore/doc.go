// Package graphstore is bridge.Store on Microsoft Graph v1.0 with app-only
// credentials. It is the only package that knows Graph; nothing of the SDK's
// types leaves it.
//
// The way of a request, outermost first:
//
//	Store method      builds calls with the SDK's request builders (routes.go)
//	batch             up to 20 calls in one request (batch.go)
//	send              repeats what may be repeated, once for all (retry.go)
//	scheduler         slots, pauses and budget of the mailbox (schedule.go)
//	exchange          token, headers, log line, one answer (exchange.go)
//
// Answers are decoded by encoding/json into small structs (wire.go): a page of
// 1,000 messages costs the SDK's models six times the time and twenty times the
// memory. Bodies are written by the SDK's models.
//
// Every request carries Prefer: IdType="ImmutableId" (page
// graph/outlook-immutable-id): an id stays the same when a message moves.
package graphstore
