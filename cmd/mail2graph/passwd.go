package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"mail2graph/bridge"

	"golang.org/x/term"
)

// passwd prints the hash of a password, and nothing else, on standard output.
func passwd(ctx context.Context, flags *flag.FlagSet, args []string, std streams) error {
	if err := parse(flags, args); err != nil {
		return err
	}
	read := func() (string, error) { return readLine(std.in) }
	if f, ok := std.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		read = func() (string, error) {
			return askTwice(func(prompt string) (string, error) { return readHidden(ctx, f, std.err, prompt) })
		}
	}
	password, err := read()
	if err != nil {
		return err
	}
	hash, err := bridge.HashPassword(password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, hash)
	return err
}

// readLine takes the first line of a pipe or file, without its end.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && !(errors.Is(err, io.EOF) && line != "") {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func askTwice(ask func(prompt string) (string, error)) (string, error) {
	first, err := ask("Password: ")
	if err != nil {
		return "", err
	}
	second, err := ask("Again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", errors.New("the two passwords differ")
	}
	return first, nil
}

// readHidden reads a line without echo. An interrupt puts the terminal right
// again; the read itself then ends with the process.
func readHidden(ctx context.Context, f *os.File, w io.Writer, prompt string) (string, error) {
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	fmt.Fprint(w, prompt)
	defer fmt.Fprintln(w)
	type result struct {
		line []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		done <- result{line, err}
	}()
	select {
	case r := <-done:
		return string(r.line), r.err
	case <-ctx.Done():
		return "", errors.Join(errors.New("interrupted"), term.Restore(fd, before))
	}
}
