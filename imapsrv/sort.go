package imapsrv

import (
	"context"
	"slices"

	"mail2graph/bridge"
	"mail2graph/imapsrv/wire"
)

// sortBy are the criteria of SORT: RFC 5256 §3, and RFC 5957 §3 for names as
// readers see them.
var sortBy = map[string]bridge.SortBy{
	"ARRIVAL":     bridge.SortArrival,
	"CC":          bridge.SortCc,
	"DATE":        bridge.SortDate,
	"DISPLAYFROM": bridge.SortDisplayFrom,
	"DISPLAYTO":   bridge.SortDisplayTo,
	"FROM":        bridge.SortFrom,
	"SIZE":        bridge.SortSize,
	"SUBJECT":     bridge.SortSubject,
	"TO":          bridge.SortTo,
}

// sort is SORT (RFC 5256 §3), with RETURN as RFC 5267 §3 extends it.
func (c *conn) sort(ctx context.Context, cmd *wire.Command) (answer, error) {
	args, v := cmd.Args.(*wire.Sort), c.view
	criteria := make([]bridge.SortCriterion, len(args.Criteria))
	for i, by := range args.Criteria {
		criteria[i] = bridge.SortCriterion{By: sortBy[by.By], Reverse: by.Reverse}
	}
	found, err := c.find(ctx, args.Key, args.Return, cmd.UID)
	if err != nil || c.closing {
		return answer{}, err
	}
	var uids []uint32
	err = c.call(ctx, 0, func(ctx context.Context) (err error) {
		uids, err = v.folder.Sort(ctx, found.snap, found.uids, criteria)
		return err
	})
	told := args.Return.Subset(uids)
	if args.Return != nil && args.Return.Save { // MIN and MAX are those of the order
		v.saved = wire.Numbers(slices.Sorted(slices.Values(told)))
	}
	if err != nil {
		return answer{}, err
	}
	modSeq := uint64(0)
	if wire.HasModSeq(&args.Key) { // RFC 7162 §3.1.9, §3.1.10
		modSeq = highestModSeq(found.snap, told)
	}
	nums := v.numbers(uids, cmd.UID)
	if args.Return != nil {
		c.w.ESearch(&wire.ESearch{Tag: cmd.Tag, UID: cmd.UID, Return: args.Return, Nums: nums, ModSeq: modSeq})
	} else {
		c.w.Sort(nums, modSeq)
	}
	return answer{}, nil
}

// thread is THREAD (RFC 5256 §3).
func (c *conn) thread(ctx context.Context, cmd *wire.Command) (answer, error) {
	args, v := cmd.Args.(*wire.Thread), c.view
	found, err := c.find(ctx, args.Key, nil, cmd.UID)
	if err != nil || c.closing {
		return answer{}, err
	}
	how := v.folder.ThreadByReferences
	if args.Algorithm == "ORDEREDSUBJECT" {
		how = v.folder.ThreadBySubject
	}
	var threads []*bridge.Thread
	err = c.call(ctx, 0, func(ctx context.Context) (err error) {
		threads, err = how(ctx, found.snap, found.uids)
		return err
	})
	if err != nil {
		return answer{}, err
	}
	c.w.Threads(v.threadNodes(threads, cmd.UID))
	return answer{}, nil
}

// threadNodes numbers the messages of threads as the client does.
func (v *view) threadNodes(threads []*bridge.Thread, uid bool) []wire.ThreadNode {
	nodes := make([]wire.ThreadNode, len(threads))
	for i, t := range threads {
		nodes[i].Num = t.UID
		if pos, _ := v.told.Find(t.UID); t.UID != 0 && !uid {
			nodes[i].Num = uint32(pos + 1)
		}
		nodes[i].Children = v.threadNodes(t.Children, uid)
	}
	return nodes
}
