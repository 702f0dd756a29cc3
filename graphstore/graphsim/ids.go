package graphsim

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"strings"
)

// Ids look like those of Exchange and carry what is needed to find the item, so that no index of long strings is
// kept: a prefix, the mailbox, a kind, two numbers, filler, a checksum. graph/outlook-immutable-id, §3.
const (
	kindMessage    = 'm' // a = entry number, changes on a move
	kindImmutable  = 'i' // a = message number
	kindFolder     = 'f'
	kindAttachment = 'a' // a = message number, b = attachment number
	kindThread     = 'c'
)

// idForm is how ids of a kind look: the first characters and the length people have reported (§3).
type idForm struct {
	prefix [3]byte
	size   int
}

var idForms = map[byte]idForm{
	kindMessage:    {[3]byte{0, 3, 0x24}, 113}, // "AAMk…", 152 characters
	kindImmutable:  {[3]byte{0, 9, 0}, 50},     // "AAkA…", 68 characters
	kindFolder:     {[3]byte{1, 3, 0x24}, 89},  // "AQMk…", 120 characters
	kindAttachment: {[3]byte{0, 3, 0x25}, 149}, // "AAMl…", 200 characters
	kindThread:     {[3]byte{0, 4, 0x24}, 59},  // "AAQk…", 80 characters
}

// encodeID writes an id of the mailbox with the given user id.
func encodeID(guid string, kind byte, a, b uint64) string {
	form := idForms[kind]
	buf := make([]byte, 0, 160)
	buf = append(buf, form.prefix[:]...)
	buf = appendGUID(buf, guid)
	buf = append(buf, kind)
	buf = binary.BigEndian.AppendUint64(buf, a)
	buf = binary.BigEndian.AppendUint64(buf, b)
	for x := mix(a ^ b<<32 ^ uint64(kind)); len(buf) < form.size-4; x = mix(x) {
		buf = binary.BigEndian.AppendUint64(buf, x)
	}
	buf = buf[:form.size-4]
	buf = binary.BigEndian.AppendUint32(buf, checksum(buf))
	return base64.URLEncoding.EncodeToString(buf)
}

// decodeID reads an id back. ok is false for text that no mailbox has given out.
func decodeID(id string) (guid []byte, kind byte, a, b uint64, ok bool) {
	buf, err := base64.URLEncoding.Strict().DecodeString(id)
	if err != nil || len(buf) < 40 {
		return nil, 0, 0, 0, false
	}
	kind = buf[19]
	form, known := idForms[kind]
	body := buf[:len(buf)-4]
	if !known || len(buf) != form.size || [3]byte(buf) != form.prefix ||
		binary.BigEndian.Uint32(buf[len(body):]) != checksum(body) {
		return nil, 0, 0, 0, false
	}
	return buf[3:19], kind, binary.BigEndian.Uint64(buf[20:]), binary.BigEndian.Uint64(buf[28:]), true
}

func appendGUID(b []byte, guid string) []byte {
	raw, err := hex.DecodeString(strings.ReplaceAll(guid, "-", ""))
	if err != nil || len(raw) != 16 {
		raw = make([]byte, 16)
	}
	return append(b, raw...)
}

// checksum guards ids against being made up or cut.
func checksum(b []byte) uint32 {
	h := fnv.New32a()
	h.Write(b)
	return h.Sum32()
}

// mix is the finaliser of splitmix64: filler that differs in every byte for neighbouring numbers.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// hash64 turns text into a number for thread ids.
func hash64(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// id is the id of the message in the form that the request asked for.
func (m *message) id(immutable bool) string {
	if immutable {
		return encodeID(m.mb.id, kindImmutable, m.num, 0)
	}
	return encodeID(m.mb.id, kindMessage, m.entry, m.num)
}

// id is the id of the folder, the same in both forms (graph/outlook-immutable-id).
func (f *folder) id() string { return encodeID(f.mb.id, kindFolder, f.num, 0) }

// findMessage looks a message up by either form of its id.
func (mb *Mailbox) findMessage(id string) (*message, *apiError) {
	guid, kind, a, _, ok := decodeID(id)
	if !ok || kind != kindMessage && kind != kindImmutable {
		return nil, errMalformedID()
	}
	if string(guid) != string(appendGUID(nil, mb.id)) {
		return nil, errItemNotFound()
	}
	m := mb.byNum[a]
	if kind == kindMessage {
		m = mb.byEntry[a]
	}
	if m == nil {
		return nil, errItemNotFound()
	}
	return m, nil
}

// changeKey is the version of an item, the value inside its etag (§3).
func changeKey(guid string, n uint64) string {
	b := []byte{9, 0, 0, 0, 0x16, 0, 0, 0}
	b = appendGUID(b, guid)
	b = binary.BigEndian.AppendUint64(b, n)
	return base64.StdEncoding.EncodeToString(b)
}
