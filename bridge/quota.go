package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// usageAge is how long the size of a mailbox is believed: finding it costs some
// requests.
const usageAge = 5 * time.Minute

// usage is the size of a mailbox and when it was told.
type usage struct {
	octets int64
	at     time.Time
}

// Quota is how full a mailbox is, and how full the operator says it may get; both
// in octets. Graph tells an application the former only.
type Quota struct{ Used, Limit int64 }

// HasQuota reports whether the operator has stated a limit, and the service may
// tell the size.
func (m *Mailbox) HasQuota() bool { return m.opts.Quota > 0 && m.usageTeller != nil }

// Quota tells how full the mailbox is; ErrNotFound without a limit, or where the
// service does not say.
func (m *Mailbox) Quota(ctx context.Context) (Quota, error) {
	if !m.HasQuota() {
		return Quota{}, fmt.Errorf("quota of mailbox %s: none is configured: %w", m.Name(), ErrNotFound)
	}
	m.mu.Lock()
	known := m.usage
	m.mu.Unlock()
	if !known.at.IsZero() && time.Since(known.at) < usageAge {
		return Quota{Used: known.octets, Limit: m.opts.Quota}, nil
	}
	octets, err := m.usageRun.do(ctx, &m.tasks, struct{}{}, m.readUsage)
	switch {
	case err == nil:
	case known.at.IsZero() || errors.Is(err, ErrNotFound):
		return Quota{}, fmt.Errorf("quota of mailbox %s: %w", m.Name(), err)
	default: // away for now
		m.log.Warn("size of the mailbox not refreshed, the last one serves", "error", err)
		octets = known.octets
	}
	return Quota{Used: octets, Limit: m.opts.Quota}, nil
}

func (m *Mailbox) readUsage(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, roundLimit)
	defer cancel()
	octets, err := m.usageTeller.Usage(ctx)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	m.usage = usage{octets, time.Now()}
	m.mu.Unlock()
	return octets, nil
}

// HasQuota reports whether one of the account's mailboxes has a quota.
func (a *Account) HasQuota() bool {
	for _, m := range a.mailboxes() {
		if m.HasQuota() {
			return true
		}
	}
	return false
}

// MailboxOf is the mailbox of the account that a folder is in; its Name is that of
// its quota.
func (a *Account) MailboxOf(f *Folder) *Mailbox { return f.m }

// MailboxNamed is the account's mailbox of a name, or ErrNotFound.
func (a *Account) MailboxNamed(name string) (*Mailbox, error) {
	for _, m := range a.mailboxes() {
		if m.Name() == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("mailbox %q: %w", name, ErrNotFound)
}

func (a *Account) mailboxes() []*Mailbox {
	if a.Mailbox == nil {
		return nil
	}
	return append([]*Mailbox{a.Mailbox}, a.Others...)
}
