package imapsrv

import (
	"context"

	"mail2graph/imapsrv/wire"
)

// state is a set of the states of RFC 3501 §3; logout is conn.closing.
type state uint8

const (
	notAuthenticated state = 1 << iota
	authenticated
	selected

	loggedIn = authenticated | selected
	anyState = notAuthenticated | loggedIn
)

// command says in which states a command may come, and what carries it out.
type command struct {
	in  state
	run func(*conn, context.Context, *wire.Command) (answer, error)
}

// writing are the commands that a login with read_only may not use. APPEND and
// REPLACE, of which a message may be under way, are refused by conn.target.
var writing = map[string]bool{
	"CREATE": true, "DELETE": true, "RENAME": true, "SUBSCRIBE": true, "UNSUBSCRIBE": true,
	"EXPUNGE": true, "STORE": true, "COPY": true, "MOVE": true,
}

// commands has every command of the server. UID forms share the entry of
// their plain form.
var commands = map[string]command{
	"CAPABILITY": {anyState, (*conn).capability},
	"NOOP":       {anyState, (*conn).noop},
	"LOGOUT":     {anyState, (*conn).logout},
	"ID":         {anyState, (*conn).id},

	"STARTTLS":     {notAuthenticated, (*conn).startTLS},
	"AUTHENTICATE": {notAuthenticated, (*conn).authenticate},
	"LOGIN":        {notAuthenticated, (*conn).login},

	"COMPRESS":       {loggedIn, (*conn).compress},
	"UNAUTHENTICATE": {loggedIn, (*conn).unauthenticate},

	"SELECT":       {loggedIn, (*conn).selectFolder},
	"EXAMINE":      {loggedIn, (*conn).selectFolder},
	"CREATE":       {loggedIn, (*conn).create},
	"DELETE":       {loggedIn, (*conn).remove},
	"RENAME":       {loggedIn, (*conn).rename},
	"SUBSCRIBE":    {loggedIn, (*conn).subscribe},
	"UNSUBSCRIBE":  {loggedIn, (*conn).subscribe},
	"LIST":         {loggedIn, (*conn).list},
	"LSUB":         {loggedIn, (*conn).lsub},
	"STATUS":       {loggedIn, (*conn).status},
	"GETQUOTA":     {loggedIn, (*conn).getQuota},
	"GETQUOTAROOT": {loggedIn, (*conn).getQuotaRoot},
	"SETQUOTA":     {loggedIn, (*conn).setQuota},
	"NAMESPACE":    {loggedIn, (*conn).namespace},
	"APPEND":       {loggedIn, (*conn).append},
	"IDLE":         {loggedIn, (*conn).idle},
	"ENABLE":       {loggedIn, (*conn).enable},

	"CHECK":    {selected, (*conn).check},
	"CLOSE":    {selected, (*conn).closeFolder},
	"UNSELECT": {selected, (*conn).unselect},
	"EXPUNGE":  {selected, (*conn).expunge},
	"SEARCH":   {selected, (*conn).search},
	"SORT":     {selected, (*conn).sort},
	"THREAD":   {selected, (*conn).thread},
	"FETCH":    {selected, (*conn).fetch},
	"STORE":    {selected, (*conn).store},
	"COPY":     {selected, (*conn).copy},
	"REPLACE":  {selected, (*conn).replace},
	"MOVE":     {selected, (*conn).copy},
}
