package doctor

import (
	"errors"
	"strings"

	"mail2graph/bridge"
	"mail2graph/graphstore"
)

// Cure says what an operator can do about an error of a running mailbox, in the words
// of the check that would meet it; "" where doctor has nothing to say. user is on
// whose behalf the mailbox is opened, or "".
func Cure(err error, mailbox, address, user string) string {
	switch e, ok := errors.AsType[*graphstore.Error](err); {
	case errors.Is(err, bridge.ErrNoSpace):
		return "make room on the disk that state_dir is on"
	case !ok && !errors.Is(err, bridge.ErrUnavailable):
		return ""
	case ok && e.Op == "token" && errors.Is(err, bridge.ErrCredentials):
		if _, todo, found := strings.Cut(e.Message, "; "); found {
			return todo
		}
		return "mail2graph help credentials"
	}
	p := patient{subject: "mailbox " + mailbox, address: address, rights: rights{user: user}}
	return p.cure("read", err)
}
