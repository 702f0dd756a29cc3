package mimecache

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Texts are written under such a name, and renamed when complete.
const tempPrefix, tempSuffix = "put-", ".tmp"

// scan takes over what an earlier run left: complete files in the order of
// their last use. Nothing that has another form of name is touched.
func (c *Cache) scan() error {
	top, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	var found []*item
	for _, d := range top {
		switch {
		case d.Type().IsRegular() && strings.HasPrefix(d.Name(), tempPrefix) && strings.HasSuffix(d.Name(), tempSuffix):
			if err := os.Remove(filepath.Join(c.dir, d.Name())); err != nil {
				return err
			}
		case d.IsDir() && isHex(d.Name(), 2):
			items, err := c.scanDir(d.Name())
			if err != nil {
				return err
			}
			found = append(found, items...)
		}
	}
	slices.SortFunc(found, func(a, b *item) int { return a.used.Compare(b.used) })
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, it := range found {
		c.items[it.name] = it
		c.disk.bytes += it.size
		it.elem = c.disk.idle.PushFront(it)
	}
	return nil
}

func (c *Cache) scanDir(sub string) ([]*item, error) {
	files, err := os.ReadDir(filepath.Join(c.dir, sub))
	if err != nil {
		return nil, err
	}
	var found []*item
	for _, d := range files {
		if !d.Type().IsRegular() || !isHex(d.Name(), 62) {
			continue
		}
		info, err := d.Info()
		if err != nil {
			continue // it went away meanwhile
		}
		// Too short to be complete: its check will fail, and remove it.
		size := max(0, info.Size()-trailerSize)
		used := info.ModTime()
		if now := time.Now(); used.After(now) {
			used = now // the clock was wrong; it must not stay first for ever
		}
		found = append(found, &item{name: sub + "/" + d.Name(), size: size, pool: &c.disk, used: used})
	}
	return found, nil
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}
