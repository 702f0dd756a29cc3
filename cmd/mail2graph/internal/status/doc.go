// Package status shows people and machines how the service is: a page, metrics in
// the text format of Prometheus, and answers for health checks. All of it is made
// from one Snapshot, so that the page and the metrics cannot disagree.
//
// What it shows is of mailboxes and programs, never of messages: no subject, no
// content, no recipient, and no secret.
//
// The text format is written here (prometheus.io/docs/instrumenting/exposition_formats):
// it is a page of code, while the client library would bring ten modules with it, for
// counters that other packages keep already.
package status
