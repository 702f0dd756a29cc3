package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Print writes a finding for people: a line, and below it what to do.
func Print(w io.Writer, f Finding) {
	name := strings.TrimSpace(f.Check + " " + f.Subject)
	var refs []string
	if f.Code != "" && !strings.Contains(f.Got, f.Code) {
		refs = append(refs, f.Code)
	}
	if f.RequestID != "" {
		refs = append(refs, "request "+f.RequestID)
	}
	text := f.Got
	if f.Status != Skip {
		text = f.Tried + ": " + f.Got
	}
	if len(refs) > 0 {
		text += " (" + strings.Join(refs, ", ") + ")"
	}
	status := string(f.Status)
	if f.Status == Fail {
		status = "FAIL"
	}
	fmt.Fprintf(w, "%-4s  %-28s %s\n", status, name, strings.ReplaceAll(clean(text), "\n", "\n      "))
	if f.Cure != "" && f.Status != OK {
		fmt.Fprintf(w, "      to do: %s\n", clean(f.Cure))
	}
}

// Summary is the last line for people.
func Summary(r *Report) string {
	return fmt.Sprintf("%d ok, %d to look at, %d failed, %d skipped", r.Count(OK), r.Count(Warn), r.Count(Fail), r.Count(Skip))
}

// JSON writes the report for programs.
func JSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// clean keeps what a service answered from moving the cursor.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r >= 0x7F && r < 0xA0 {
			return '?'
		}
		return r
	}, s)
}
