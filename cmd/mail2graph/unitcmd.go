package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mail2graph/cmd/mail2graph/internal/systemd"
)

// serviceUnits is the command service: it prints or installs the unit files.
func serviceUnits(_ context.Context, flags *flag.FlagSet, args []string, std streams) error {
	verb := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verb, args = args[0], args[1:]
	}
	u := systemd.Unit{}
	flags.StringVar(&u.User, "user", "", "`USER` that runs it; without it systemd makes one for the time of the run")
	flags.StringVar(&u.Config, "config", "/etc/mail2graph/config.toml", "the configuration `FILE`")
	flags.StringVar(&u.Binary, "binary", "", "`FILE` to start (default: this one)")
	flags.StringVar(&u.StateDir, "state", "", "`DIR`: state_dir, where it is not /var/lib/mail2graph")
	flags.BoolVar(&u.Sockets, "sockets", false, "let systemd open ports 143, 993, 25, 587 and 465")
	flags.Func("credential", "`NAME=FILE` handed over as client_secret_credential = \"NAME\"; may come several times", func(s string) error {
		name, file, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("allowed is NAME=FILE")
		}
		u.Credentials = append(u.Credentials, systemd.Credential{Name: name, File: file})
		return nil
	})
	dir := flags.String("dir", "/etc/systemd/system", "`DIR` that install writes to")
	force := flags.Bool("force", false, "let install replace files that differ")
	if err := parse(flags, args); err != nil {
		return err
	}
	if verb != "print" && verb != "install" {
		return usageError{fmt.Sprintf("found %q, allowed is service print or service install", verb)}
	}
	if u.Binary == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		u.Binary = self
	}
	files, err := u.Files()
	if err != nil {
		return usageError{err.Error()}
	}
	if verb == "print" {
		return printUnits(files, std)
	}
	return installUnits(files, *dir, *force, std)
}

func printUnits(files []systemd.File, std streams) error {
	for i, f := range files {
		if i > 0 {
			fmt.Fprintln(std.out)
		}
		if len(files) > 1 {
			fmt.Fprintf(std.out, "# %s\n", f.Name)
		}
		if _, err := std.out.Write(f.Text); err != nil {
			return err
		}
	}
	return nil
}

// installUnits writes the files, or none where one would replace another text.
func installUnits(files []systemd.File, dir string, force bool, std streams) error {
	var errs []error
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		old, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && (force || bytes.Equal(old, f.Text)):
		default:
			errs = append(errs, cmp.Or(err, fmt.Errorf("%s is there already and differs: --force replaces it; better are changes in %s.d/", path, path)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	enable := "" // sockets first: those that are active are passed to the service
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := os.WriteFile(path, f.Text, 0o644); err != nil {
			return fmt.Errorf("%w; run it as root, or give --dir a directory that is there and may be written to", err)
		}
		fmt.Fprintln(std.out, "wrote", path)
		if strings.HasSuffix(f.Name, ".socket") {
			enable += f.Name + " "
		}
	}
	fmt.Fprintf(std.out, "\nNow:\n  systemctl daemon-reload\n  systemctl enable --now %smail2graph.service\n  systemctl status mail2graph\n", enable)
	return nil
}
