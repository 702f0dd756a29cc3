package graphsim

import "net/http"

// messageValue is the MIME of a message (graph/outlook-get-mime-message). Through the folder path it is refused
// (§5.5), although the pages list it.
func messageValue(c *call) (*reply, *apiError) {
	if c.folder != "" {
		return nil, errNotSupported()
	}
	m, err := c.message()
	if err != nil {
		return nil, err
	}
	if m.failValue {
		return nil, fail(http.StatusInternalServerError, "ErrorMimeContentConversionFailed", "The MIME content conversion failed.")
	}
	content := m.mime()
	if modes := &c.srv.modes; m.content != nil && modes.Reencode {
		variant := uint64(0)
		if modes.ReencodeVaries {
			variant = c.srv.rng.Uint64()
		}
		content = reencode(content, m.num, variant)
	}
	return &reply{status: http.StatusOK, raw: content, ctype: "text/plain", length: c.srv.modes.ValueLength}, nil
}

// mime is the MIME of a message: as it came, or built from its properties.
func (m *message) mime() Content {
	if m.content != nil {
		return m.content
	}
	return Bytes(m.buildMIME())
}
