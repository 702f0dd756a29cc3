// Package graphsim plays the mail part of Microsoft Graph v1.0, and the token endpoint in front of it, in memory.
//
// It exists for tests and for the demonstration: programs that speak to Graph are pointed at it and meet what the
// service is known to do, including what hurts: ids that change on a move, delta rounds that lose an item moved out
// and back, throttling, expired sync states, answers that are lost after the effect. What is not modelled is answered
// 501 and remembered (Server.Unmodelled), so that a test never passes because the simulator guessed.
//
// Comments cite the pages of learn.microsoft.com as graph/x, api/x and res/x, and the sections of the behaviour
// reference this package follows as §n.
//
// A Server is an http.Handler; Server.Start serves it with TLS on loopback. The state can be changed behind the
// client's back, as Outlook or the transport would, through Mailbox; programs in another process use the control
// interface below /_sim/.
//
// It is not a mail server: no calendars, no contacts, no rules, no subscriptions.
package graphsim
