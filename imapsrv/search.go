package imapsrv

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// search is SEARCH (RFC 3501 §6.4.4), with RETURN as RFC 4731 extends it.
func (c *conn) search(ctx context.Context, cmd *wire.Command) (answer, error) {
	args := cmd.Args.(*wire.Search)
	found, err := c.find(ctx, args.Key, args.Return, cmd.UID)
	if err != nil || c.closing {
		return answer{}, err
	}
	modSeq := uint64(0)
	if wire.HasModSeq(&args.Key) { // RFC 7162 §3.1.5, RFC 4731 §3.2
		modSeq = highestModSeq(found.snap, args.Return.Subset(found.uids))
	}
	nums := c.view.numbers(found.uids, cmd.UID)
	if args.Return != nil {
		c.w.ESearch(&wire.ESearch{Tag: cmd.Tag, UID: cmd.UID, Return: args.Return, Nums: nums, ModSeq: modSeq})
	} else {
		c.writeSearch(cmd, nums, modSeq)
	}
	return answer{}, nil
}

// found are the messages that match a search, ascending, and the snapshot that
// was searched.
type found struct {
	uids []uint32
	snap *bridge.Snapshot
}

// find searches for SEARCH, SORT and THREAD. What has arrived meanwhile is told
// before, so that a client that only ever searches finds it. With SAVE the result
// takes the place of the saved one, which is empty if the search fails (RFC 5182
// §2.1).
func (c *conn) find(ctx context.Context, key bridge.SearchKey, ret *wire.SearchReturn, uid bool) (found, error) {
	v := c.view
	key = v.localKey(key, c.opts.Zone)
	saves := ret != nil && ret.Save
	if saves {
		v.saved = nil
	}
	if err := c.report(ctx, false, uid); err != nil || c.closing {
		return found{}, err
	}
	f := found{snap: v.folder.Snapshot()}
	var done, total atomic.Int64
	say := func() headway {
		d, t := done.Load(), total.Load()
		if t == 0 {
			return headway{}
		}
		return headway{fmt.Sprintf("Searched %d of %d messages", d, t), d, t}
	}
	err := c.wait(ctx, c.opts.CommandTimeout, say, func(ctx context.Context) (err error) {
		f.uids, err = v.folder.Search(ctx, f.snap, key, func(d, t int) {
			done.Store(int64(d))
			total.Store(int64(t))
		})
		return err
	})
	if err != nil {
		return found{}, err
	}
	f.uids = v.known(f.uids)
	if saves {
		v.saved = wire.Numbers(ret.Subset(f.uids)) // RFC 5182 §2.4
	}
	return f, nil
}

// known leaves those UIDs out that the client was not told of yet.
func (v *view) known(uids []uint32) []uint32 {
	return slices.DeleteFunc(uids, func(uid uint32) bool {
		_, ok := v.told.Find(uid)
		return !ok
	})
}

// numbers turns UIDs that the client knows into what SEARCH returns.
func (v *view) numbers(uids []uint32, uid bool) []uint32 {
	if uid {
		return uids
	}
	nums := make([]uint32, len(uids))
	for i, u := range uids {
		pos, _ := v.told.Find(u)
		nums[i] = uint32(pos + 1)
	}
	return nums
}

// localKey replaces what only this session can say, sequence numbers,
// \Recent and the saved result, by UIDs, puts all ranges in order and says whose days
// are meant. Numbers that do not exist match nothing. It must run before the view moves.
func (v *view) localKey(k bridge.SearchKey, zone *time.Location) bridge.SearchKey {
	k.Zone = zone
	switch k.Op {
	case bridge.SearchSeqs:
		p := resolveNumbers(k.Ranges, v.told)
		k.Op, k.Ranges = bridge.SearchUIDs, make([]bridge.UIDRange, 0, len(p))
		for _, s := range p {
			k.Ranges = append(k.Ranges, bridge.UIDRange{First: v.told.At(s.first).UID, Last: v.told.At(s.last).UID})
		}
	case bridge.SearchRecent:
		k.Op, k.Ranges = bridge.SearchUIDs, append([]bridge.UIDRange{}, v.recent...)
	case bridge.SearchSaved: // RFC 5182 §2.1
		k.Op, k.Ranges = bridge.SearchUIDs, v.saved
	case bridge.SearchUIDs:
		highest := uint32(0)
		if n := v.told.Len(); n > 0 {
			highest = v.told.At(n - 1).UID
		}
		ranges := make([]bridge.UIDRange, 0, len(k.Ranges))
		for _, r := range k.Ranges {
			first, last := order(r, highest)
			ranges = append(ranges, bridge.UIDRange{First: first, Last: last})
		}
		k.Ranges = ranges
	}
	if len(k.Keys) > 0 {
		keys := make([]bridge.SearchKey, len(k.Keys))
		for i := range k.Keys {
			keys[i] = v.localKey(k.Keys[i], zone)
		}
		k.Keys = keys
	}
	return k
}
