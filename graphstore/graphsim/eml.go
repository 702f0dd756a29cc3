package graphsim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// LoadEML delivers the files with the ending .eml at path, one file or a
// directory with all below it, into a folder of mb and returns their immutable
// ids in the order of the file names. The bytes of a file are those of the
// message, whatever they are. A file that cannot be read does not keep the
// others out; all such failures come joined.
func LoadEML(mb *Mailbox, folder, path string) (ids []string, err error) {
	names, err := emlFiles(path)
	if err != nil {
		return nil, fmt.Errorf("load mail: %w", err)
	}
	var failed []error
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			failed = append(failed, fmt.Errorf("load mail: %w", err))
			continue
		}
		id, err := mb.Deliver(text, DeliverOptions{Folder: folder})
		if err != nil {
			return ids, errors.Join(append(failed, fmt.Errorf("load %s: %w", name, err))...)
		}
		ids = append(ids, id)
	}
	return ids, errors.Join(failed...)
}

// emlFiles lists path itself if it is a file, whatever its name, or the .eml files below it.
func emlFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var names []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Type().IsRegular() && strings.EqualFold(filepath.Ext(name), ".eml") {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}
