package wire

// parseAppend parses APPEND up to its first message (RFC 3501 §6.3.11).
func (r *Reader) parseAppend() any {
	a := &Append{Mailbox: r.mailbox()}
	r.sp()
	r.message(a)
	return a
}

// parseReplace parses REPLACE up to its message (RFC 8508 §5).
func (r *Reader) parseReplace() any {
	num := r.setNumber()
	r.sp()
	a := &Append{Mailbox: r.mailbox()}
	r.sp()
	r.message(a)
	if a.Literal != nil {
		a.Literal.single = true
	}
	return &Replace{Num: num, Message: a}
}

// message takes the flags and the date of a message, and opens its literal.
func (r *Reader) message(a *Append) {
	if r.peek() == '(' {
		a.Flags = r.flagList()
		r.sp()
	}
	if r.peek() == '"' {
		a.Date = r.dateTime()
		r.sp()
	}
	if r.word("UTF8") { // RFC 6855 §4
		r.sp()
		r.expect('(', "Missing parenthesis")
		r.spaces()
		a.UTF8 = true
	}
	a.Binary = r.accept('~')
	if r.peek() != '{' || a.UTF8 && !a.Binary {
		r.fail("Missing message literal")
		return
	}
	size, nonSync := r.announcement()
	switch {
	case r.err != nil:
		return
	case size > r.opts.MaxAppend:
		r.refuse(CodeTooBig, "Message too large")
		return
	case !nonSync && r.opts.Continue == nil:
		r.fail("Literals are not accepted here")
		return
	}
	a.Literal = &Literal{Size: size, NonSync: nonSync, r: r, wrapped: a.UTF8, left: size}
	r.open = a.Literal
}

// Next ends the literal as Literal.Close does, and returns the message that
// follows in the same command (RFC 3502), nil at its end. Flags and Date are
// each message's own. An error means that nothing of the command may be filed,
// so the messages before are to be kept aside until Next has returned nil: a
// *SyntaxError is to be answered, any other ends the connection. To give up in
// between, Refuse the literal that Next returned: it ends the command.
func (a *Append) Next() (*Append, error) {
	l := a.Literal
	if l.state == ended {
		return nil, nil
	}
	if err := l.Accept(); err != nil {
		return nil, err
	}
	r := l.r
	r.lineLeft = r.opts.MaxLine // for each message anew
	if err := l.drain(); err != nil {
		return nil, err
	}
	var next *Append
	if !l.single && r.option('(', '"', 'U', 'u', '~', '{') {
		next = &Append{Mailbox: a.Mailbox}
		r.message(next)
	}
	if next == nil {
		r.finish()
	}
	if r.err != nil {
		return nil, r.recoverFrom(r.err)
	}
	return next, nil
}
