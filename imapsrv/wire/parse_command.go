package wire

// verbs are the commands and how their arguments are parsed; nil: by nothing,
// the command is its name alone.
var verbs = map[string]func(*Reader) any{
	// RFC 3501 §6.1, any state
	"CAPABILITY": nil,
	"NOOP":       nil,
	"LOGOUT":     nil,
	"ID":         (*Reader).parseID, // RFC 2971
	// §6.2, not authenticated
	"STARTTLS":       nil,
	"UNAUTHENTICATE": nil,                     // RFC 8437, but in the other states
	"COMPRESS":       (*Reader).parseCompress, // RFC 4978
	"AUTHENTICATE":   (*Reader).parseAuthenticate,
	"LOGIN":          (*Reader).parseLogin,
	// §6.3, authenticated
	"SELECT":       (*Reader).parseSelect,
	"EXAMINE":      (*Reader).parseSelect,
	"CREATE":       (*Reader).parseCreate,
	"DELETE":       (*Reader).parseMailboxArg,
	"RENAME":       (*Reader).parseRename,
	"SUBSCRIBE":    (*Reader).parseMailboxArg,
	"UNSUBSCRIBE":  (*Reader).parseMailboxArg,
	"LIST":         (*Reader).parseList,
	"LSUB":         (*Reader).parseLsub,
	"STATUS":       (*Reader).parseStatus,
	"APPEND":       (*Reader).parseAppend,
	"ENABLE":       (*Reader).parseEnable,   // RFC 5161
	"NAMESPACE":    nil,                     // RFC 2342
	"GETQUOTA":     (*Reader).parseGetQuota, // RFC 9208
	"GETQUOTAROOT": (*Reader).parseMailboxArg,
	"SETQUOTA":     (*Reader).parseSetQuota,
	"IDLE":         nil, // RFC 2177
	// §6.4, selected
	"CHECK":    nil,
	"CLOSE":    nil,
	"UNSELECT": nil, // RFC 3691
	"EXPUNGE":  nil,
	"SEARCH":   (*Reader).parseSearch,
	"REPLACE":  (*Reader).parseReplace, // RFC 8508
	"SORT":     (*Reader).parseSort,    // RFC 5256
	"THREAD":   (*Reader).parseThread,  // RFC 5256
	"FETCH":    (*Reader).parseFetch,
	"STORE":    (*Reader).parseStore,
	"COPY":     (*Reader).parseCopy,
	"MOVE":     (*Reader).parseCopy, // RFC 6851
}

// uidVerbs are the commands that may follow UID.
var uidVerbs = map[string]func(*Reader) any{
	"SEARCH":  (*Reader).parseSearch,
	"SORT":    (*Reader).parseSort,
	"THREAD":  (*Reader).parseThread,
	"FETCH":   (*Reader).parseFetch,
	"STORE":   (*Reader).parseStore,
	"COPY":    (*Reader).parseCopy,
	"MOVE":    (*Reader).parseCopy,
	"EXPUNGE": (*Reader).parseExpunge, // RFC 4315 §2.1
	"REPLACE": (*Reader).parseReplace,
}

// command parses the command whose first line has been read.
func (r *Reader) command() *Command {
	tag := string(r.run(classTag))
	if tag == "" || r.peek() != ' ' && (r.overlong || r.pos < len(r.line)) {
		r.fail("Invalid tag")
		return nil
	}
	r.tag = tag
	if r.pos == len(r.line) {
		r.fail("Missing command")
		return nil
	}
	cmd := &Command{Tag: tag}
	parse := r.verb(cmd)
	if r.overlong {
		r.failWith(&SyntaxError{Code: CodeTooBig, Text: "Line too long"})
	}
	if r.err != nil {
		return nil
	}
	if parse != nil {
		r.sp()
		cmd.Args = parse(r)
	}
	if r.open == nil {
		r.finish()
	}
	return cmd
}

// verb takes the name of the command, and returns the parser of its arguments.
func (r *Reader) verb(cmd *Command) func(*Reader) any {
	var buf [32]byte
	r.sp()
	name := r.keyword(&buf)
	table := verbs
	if string(name) == "UID" {
		cmd.UID, r.uid = true, true
		r.sp()
		name = r.keyword(&buf)
		table = uidVerbs
	}
	parse, ok := table[string(name)]
	if !ok {
		if !r.overlong {
			r.fail("Unknown command")
		}
		return nil
	}
	cmd.Name = string(name)
	r.name = cmd.Name
	return parse
}
