package storetest_test

import (
	"testing"

	"mail2graph/bridge/storetest"
)

func TestMemory(t *testing.T) {
	for name, opts := range map[string]storetest.Options{
		"default":     {},
		"small pages": {PageSize: 7, Names: storetest.German()},
		"replay":      {PageSize: 10, Replay: true, FullRows: true},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(*testing.T) storetest.Fixture {
				m := storetest.NewMemory(opts)
				return storetest.Fixture{Store: m, Address: m.Address(), Outside: m}
			})
		})
	}
	t.Run("nobody outside", func(t *testing.T) {
		m := storetest.NewMemory(storetest.Options{})
		storetest.Run(t, func(*testing.T) storetest.Fixture {
			return storetest.Fixture{Store: m, Address: m.Address()}
		})
	})
}
