package status

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// browser runs a headless Chromium, of Debian's package chromium or another one.
func browser(t *testing.T, args ...string) []byte {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	switch {
	case path == "" && os.Getenv("NEED_BROWSER") != "":
		t.Fatal("no chromium here")
	case path == "":
		t.Skip("no chromium here")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// Without a sandbox: it would need rights that a container does not give.
	cmd := exec.CommandContext(ctx, path, append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
		"--disable-dev-shm-usage", "--no-first-run", "--user-data-dir=" + t.TempDir()}, args...)...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v; it said:\n%s", err, log.String())
	}
	return out.Bytes()
}

// TestInBrowser opens the page in a browser: the numbers that it shows are those of the
// metrics, and it looks as it should in light and dark, which it does only if the
// browser accepts its style under its own policy. SCREENSHOTS=DIR keeps the pictures;
// with NEED_BROWSER=1 it is no excuse that there is none.
func TestInBrowser(t *testing.T) {
	s := sampleServer2(t)
	server := httptest.NewServer(s.Handler())
	defer server.Close()

	dom := string(browser(t, "--dump-dom", server.URL+"/"))
	resp, err := http.Get(server.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	checkFigures(t, dom, readMetrics(t, string(text)))
	if !strings.Contains(dom, "<h1 class=\"bad\">3 problems</h1>") {
		t.Error("the page lacks its headline")
	}

	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		dir = t.TempDir()
	}
	for _, tc := range []struct {
		name, size, scheme string
		bright             func(float64) bool
	}{
		{"light", "1200,2500", "1", func(b float64) bool { return b > .8 }},
		{"dark", "1200,2500", "0", func(b float64) bool { return b < .25 }},
		{"phone", "500,4400", "1", func(b float64) bool { return b > .8 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file := filepath.Join(dir, "status-"+tc.name+".png")
			browser(t, "--screenshot="+file, "--window-size="+tc.size, "--blink-settings=preferredColorScheme="+tc.scheme, server.URL+"/")
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			img, err := png.Decode(f)
			if err != nil {
				t.Fatal(err)
			}
			if bright, colours := look(img); !tc.bright(bright) || colours < 100 {
				t.Errorf("mean brightness %.2f, %d colours", bright, colours)
			}
		})
	}
}

// look returns the mean brightness of a picture, 0 to 1, and the number of colours.
func look(img image.Image) (bright float64, colours int) {
	seen := map[[3]uint32]bool{}
	r := img.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			a, b, c, _ := img.At(x, y).RGBA()
			bright += float64(a+b+c) / 3 / 0xFFFF
			seen[[3]uint32{a, b, c}] = true
		}
	}
	return bright / float64(r.Dx()*r.Dy()), len(seen)
}
