package status

import (
	"fmt"
	"math"
	"strings"
)

// chart is a curve as SVG: text stays outside, in the page's own letters.
type chart struct {
	Title   string
	Now     figure
	Unit    string // of Now
	Top     string // of the scale
	Summary string // for those who do not see it
	From    string // the left end of the time
	Path    string
	Line    string
	Quiet   bool // nothing but zeros
	Class   string
}

// The drawing has a unit for each minute.
const (
	chartWidth  = historySize
	chartHeight = 48
)

// newChart draws values that end now; they are padded to the left as if nothing had
// happened before. per is what a value is for, " a minute".
func newChart(title, per, class string, values []float64, now figure) chart {
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	c := chart{Title: title, Class: class, Now: now, Quiet: top == 0, From: "3 h ago", Top: grouped(scale(top)) + per,
		Summary: fmt.Sprintf("%s over the last three hours, at most %s%s", title, grouped(top), per)}
	if c.Quiet {
		return c
	}
	top = scale(top)
	start := chartWidth - len(values)
	if len(values) > chartWidth {
		values, start = values[len(values)-chartWidth:], 0
	}
	var line strings.Builder
	for i, v := range values {
		y := chartHeight * (1 - v/top)
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		fmt.Fprintf(&line, "%s%d %.1fH%d", verb, start+i, y, start+i+1)
	}
	c.Line = line.String()
	c.Path = fmt.Sprintf("%sV%dH%dZ", c.Line, chartHeight, start)
	return c
}

// scale is the next round number: 1, 2, 5, 10, 20 …
func scale(top float64) float64 {
	if top <= 1 {
		return 1
	}
	base := math.Pow(10, math.Floor(math.Log10(top)))
	for _, f := range []float64{1, 2, 5, 10} {
		if top <= f*base {
			return f * base
		}
	}
	return top
}
