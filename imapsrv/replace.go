package imapsrv

import (
	"context"
	"errors"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// replace is REPLACE and UID REPLACE (RFC 8508): APPEND, and EXPUNGE of one
// message of the selected folder, of which both happen or neither.
func (c *conn) replace(ctx context.Context, cmd *wire.Command) (answer, error) {
	args, v := cmd.Args.(*wire.Replace), c.view
	msg := args.Message
	c.net.expect()
	old, err := v.replaced(args.Num, cmd.UID)
	if c.account.ReadOnly { // the better reason of the two
		err = errReadOnlyLogin
	}
	var f *bridge.Folder
	if err == nil {
		f, err = c.target(ctx, msg.Mailbox)
	}
	if err != nil {
		return answer{}, errors.Join(err, c.refuseLiteral(msg.Literal))
	}
	uploads, err := c.receive(ctx, f, msg)
	defer func() {
		for _, u := range uploads {
			u.Close()
		}
	}()
	if err != nil {
		return answer{}, err
	}
	var uid uint32
	err = c.call(ctx, 2, func(ctx context.Context) (err error) {
		uid, err = f.Replace(ctx, uploads[0], v.folder, old)
		return err
	})
	if err != nil {
		return answer{}, filingError(f, err)
	}
	// RFC 8508 §3.3: before the EXPUNGE response, which report writes.
	c.w.Untagged(wire.OK, wire.CodeAppendUID(f.UIDValidity(), uid), "Replacement filed")
	return answer{}, nil
}

// replaced finds the message that REPLACE is about.
func (v *view) replaced(num uint32, uid bool) (uint32, error) {
	if v.readOnly {
		return 0, errReadOnly
	}
	set, err := v.resolve(wire.NumSet{{First: num, Last: num}}, uid)
	if err != nil {
		return 0, err
	}
	if set.len() == 0 {
		return 0, no(wire.CodeNonExistent, "No message with this UID")
	}
	uids, _ := v.present(set)
	if len(uids) == 0 {
		return 0, no(wire.CodeExpungeIssued, "The message has been expunged")
	}
	return uids[0], nil
}
