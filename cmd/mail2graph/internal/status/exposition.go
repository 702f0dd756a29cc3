package status

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// exposition is a text of metrics that is being written.
type exposition struct{ b bytes.Buffer }

// The kinds of a metric.
const (
	counter   = "counter"
	gauge     = "gauge"
	histogram = "histogram"
)

// family begins a metric.
func (e *exposition) family(name, kind, help string) {
	e.b.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// sample writes one value; labels are pairs of name and value.
func (e *exposition) sample(name string, v float64, labels ...string) {
	e.b.WriteString(series(name, labels...) + " " + number(v) + "\n")
}

// one is a metric with a single value.
func (e *exposition) one(name, kind, help string, v float64) {
	e.family(name, kind, help)
	e.sample(name, v)
}

func (e *exposition) histograms(name, help, label string, all map[string]Histogram) {
	e.family(name, histogram, help)
	for _, key := range sorted(all) {
		h := all[key]
		for i, bound := range h.Bounds {
			e.sample(name+"_bucket", float64(h.Counts[i]), label, key, "le", number(bound))
		}
		count := float64(h.Counts[len(h.Bounds)])
		e.sample(name+"_bucket", count, label, key, "le", "+Inf")
		e.sample(name+"_sum", h.Sum, label, key)
		e.sample(name+"_count", count, label, key)
	}
}

// series is the name of a series: name{a="x",b="y"}.
func series(name string, labels ...string) string {
	if len(labels) == 0 {
		return name
	}
	var b strings.Builder
	b.WriteString(name + "{")
	for i := 0; i < len(labels); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(labels[i] + `="` + escapeLabel.Replace(labels[i+1]) + `"`)
	}
	b.WriteByte('}')
	return b.String()
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// timestamp is a time in seconds since 1970.
func timestamp(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
