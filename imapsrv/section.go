package imapsrv

import (
	"fmt"
	"io"
	"strings"

	"mail2graph/bridge"
	"mail2graph/bridge/mimepart"
	"mail2graph/imapsrv/wire"
)

// section is what BODY[…]<…> gives: octets at hand, or a piece of the message.
type section struct {
	exists bool
	data   []byte
	src    *io.SectionReader
	stream io.Reader // of size octets, decoded
	size   int64
}

// octets is how many there are.
func (s *section) octets() int64 {
	switch {
	case s.src != nil:
		return s.src.Size()
	case s.stream != nil:
		return s.size
	}
	return int64(len(s.data))
}

// sections finds what the section items of the command name in a message, so
// that nothing can fail once the response has begun.
func (f *fetcher) sections(content *bridge.Content) ([]section, error) {
	var list []section
	for i := range f.items {
		find := findSection
		switch f.items[i].Kind {
		case wire.FetchSection:
		case wire.FetchBinary, wire.FetchBinarySize:
			find = findBinary
		default:
			continue
		}
		s, err := find(content, &f.items[i].Section)
		if err != nil {
			return nil, fmt.Errorf("section of the message: %w", err)
		}
		list = append(list, s)
	}
	return list, nil
}

// findSection finds one section (RFC 3501 §6.4.5). A part that does not exist
// gives no section, which is written as NIL.
func findSection(content *bridge.Content, s *wire.Section) (section, error) {
	specifier, filter := s.Specifier, strings.HasPrefix(s.Specifier, "HEADER.FIELDS")
	if filter {
		specifier = "HEADER"
	}
	from, to, ok := int64(0), content.Size, true
	if !isWhole(s) {
		from, to, ok = content.Root.Section(s.Path, specifier)
	}
	if !ok {
		return section{}, nil
	}
	if !filter {
		from, to = cut(s, from, to)
		return section{exists: true, src: io.NewSectionReader(content, from, to-from)}, nil
	}
	header := make([]byte, to-from)
	if _, err := io.ReadFull(io.NewSectionReader(content, from, to-from), header); err != nil {
		return section{}, err
	}
	return findFields(header, s), nil
}

// isWhole reports whether a section is that of BODY[], perhaps a piece of it.
func isWhole(s *wire.Section) bool { return len(s.Path) == 0 && s.Specifier == "" }

// needsParts reports whether an item asks for more of a message's text than all of
// its octets.
func needsParts(item *wire.FetchItem) bool {
	switch item.Kind {
	case wire.FetchUID, wire.FetchFlags, wire.FetchModSeq, wire.FetchInternalDate, wire.FetchSize, wire.FetchEmailID, wire.FetchSaveDate:
		return false
	case wire.FetchSection:
		return !isWhole(&item.Section)
	}
	return true
}

// findFields picks header fields.
func findFields(header []byte, s *wire.Section) section {
	fields := mimepart.Fields(header, s.Fields, s.Specifier == "HEADER.FIELDS.NOT")
	from, to := cut(s, 0, int64(len(fields)))
	return section{exists: true, data: fields[from:to]}
}

// sectionsOf is sections for a command that asks for header fields alone.
func (f *fetcher) sectionsOf(block []byte) []section {
	var list []section
	for i := range f.items {
		if f.items[i].Kind == wire.FetchSection {
			list = append(list, findFields(block, &f.items[i].Section))
		}
	}
	return list
}

// cut applies <offset.count>; beyond the end is nothing, which is no error.
func cut(s *wire.Section, from, to int64) (int64, int64) {
	if !s.Partial {
		return from, to
	}
	from = min(from+min(s.Offset, to-from), to)
	return from, from + min(s.Count, to-from)
}
