package wire

import (
	"bufio"
	"bytes"
	"compress/flate"
	"io"
)

// Inflate says that from the next octet on the client compresses (RFC 4978 §3),
// octets that have been received already included. To be called after COMPRESS
// was read and before the next command is. over may put something between the
// commands and the compression; nil puts nothing.
func (r *Reader) Inflate(over func(io.Reader) io.Reader) {
	if r.z != nil {
		return
	}
	r.z = newInflater(r.br)
	plain := io.Reader(r.z)
	if over != nil {
		plain = over(plain)
	}
	r.br = bufio.NewReaderSize(plain, bufSize)
}

// EndInflate says that the client's last command, UNAUTHENTICATE, ended what it
// compresses (RFC 8437 §4.1). A command that it compressed after that gives
// ErrOutOfSync, which ends the connection as any error does.
func (r *Reader) EndInflate() error {
	switch {
	case r.z == nil:
		return nil
	case r.br.Buffered() > 0:
		return ErrOutOfSync
	}
	rest, err := r.z.finish()
	if err != nil {
		return err
	}
	r.br = r.z.src
	if len(rest) > 0 {
		r.br = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(rest), r.z.src), bufSize)
	}
	r.z = nil
	return nil
}

// Deflate sends what is buffered as it is, and compresses whatever comes after
// (RFC 4978 §3). It takes about a megabyte until EndDeflate. over may put something
// between the responses and the compression; nil puts nothing.
func (w *Writer) Deflate(over func(io.Writer) io.Writer) error {
	if err := w.Flush(); err != nil || w.z != nil {
		return err
	}
	w.z = newDeflater(w.w)
	w.w = w.z
	if over != nil {
		w.w = over(w.z)
	}
	return nil
}

// EndDeflate sends what is buffered, ends the compressed data, and writes plain
// responses again: after the OK to UNAUTHENTICATE (RFC 8437 §4.1).
func (w *Writer) EndDeflate() error {
	w.send()
	if w.z == nil {
		return w.err
	}
	if w.err == nil {
		w.err = w.z.close()
	}
	w.w, w.z = w.z.under, nil
	return w.err
}

// deflater compresses. What it makes goes out in large pieces, since each may
// become a packet and a TLS record of its own.
type deflater struct {
	under io.Writer
	out   *bufio.Writer
	z     *flate.Writer
	open  bool // something was written since the last flush
}

func newDeflater(w io.Writer) *deflater {
	out := bufio.NewWriterSize(w, 8<<10)
	z, err := flate.NewWriter(out, flate.BestSpeed)
	if err != nil {
		panic(err) // of the level only
	}
	return &deflater{under: w, out: out, z: z}
}

func (d *deflater) Write(p []byte) (int, error) {
	d.open = true
	return d.z.Write(p)
}

// flush makes all that was written readable for the peer.
func (d *deflater) flush() error {
	if !d.open {
		return nil
	}
	d.open = false
	if err := d.z.Flush(); err != nil {
		return err
	}
	return d.out.Flush()
}

func (d *deflater) close() error {
	if err := d.z.Close(); err != nil {
		return err
	}
	return d.out.Flush()
}
