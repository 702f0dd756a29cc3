package graphsim

// SkipIDs leaves out n numbers, so that what comes after it has other ids, and
// delta tokens of another generation, than in a run with the same seed that did
// not skip, or skipped less. Programs that keep what they learned over a restart of
// the simulator need it: the service never gives an id twice, and a token never
// means another history.
func (mb *Mailbox) SkipIDs(n uint64) {
	mb.srv.mu.Lock()
	defer mb.srv.mu.Unlock()
	mb.nextNum += n
	mb.foldGen += int(n)
	for _, f := range mb.folders {
		f.generation += int(n)
	}
}
