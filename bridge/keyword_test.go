package bridge

import (
	"slices"
	"testing"
)

func TestKeywordOfCategory(t *testing.T) {
	tests := []struct{ category, keyword string }{
		{"NonJunk", "NonJunk"},
		{"$label1", "$label1"},
		{"Red category", "Red_category"},
		{"a_b", "a&AF8-b"},
		{"Büro", "B&APw-ro"},
		{"R&D", "R&-D"},
		{"(x)", "&ACg-x&ACk-"},
		{" lead", "&ACA-lead"},
		{"🙂", "&2D3eQg-"},
		{"100%", "100&ACU-"},
	}
	for _, tt := range tests {
		if got := keywordOf(tt.category); got != tt.keyword {
			t.Errorf("keywordOf(%q) = %q, want %q", tt.category, got, tt.keyword)
		}
		if got := categoryOf(tt.keyword); got != tt.category {
			t.Errorf("categoryOf(%q) = %q, want %q", tt.keyword, got, tt.category)
		}
	}
	for _, k := range []string{"a&b", "&zz!-", "&AA-", "_"} {
		if got := categoryOf(k); got != k {
			t.Errorf("categoryOf(%q) = %q, want it unchanged", k, got)
		}
	}
}

func TestApplyKeywords(t *testing.T) {
	have := []string{"Red category", "todo"}
	tests := []struct {
		name      string
		op        FlagOp
		keywords  []string
		want      []string
		forwarded int
	}{
		{"add new", FlagsAdd, []string{"x"}, []string{"Red category", "todo", "x"}, 0},
		{"add known, other case", FlagsAdd, []string{"TODO"}, have, 0},
		{"add forwarded", FlagsAdd, []string{"$FORWARDED"}, have, 1},
		{"remove", FlagsRemove, []string{"red_category", "$Forwarded"}, []string{"todo"}, -1},
		{"replace keeps spelling", FlagsReplace, []string{"TODO", "y", "Y"}, []string{"todo", "y"}, -1},
		{"replace with nothing", FlagsReplace, nil, nil, -1},
	}
	for _, tt := range tests {
		got, forwarded := applyKeywords(have, tt.op, tt.keywords)
		if !slices.Equal(got, tt.want) || forwarded != tt.forwarded {
			t.Errorf("%s: %q, %d; want %q, %d", tt.name, got, forwarded, tt.want, tt.forwarded)
		}
	}
}

// FuzzKeyword holds that any category makes an atom and comes back.
func FuzzKeyword(f *testing.F) {
	for _, s := range []string{"Red category", "a_b", "Büro", "R&D", " ", "__", "&AF8-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, category string) {
		if category != string([]rune(category)) || category == "" {
			return // Graph sends valid UTF-8
		}
		k := keywordOf(category)
		for _, c := range k {
			if !isAtomByte(c) && c != '&' && c != '_' {
				t.Fatalf("keywordOf(%q) = %q has %q, which no atom may hold", category, k, c)
			}
		}
		if back := categoryOf(k); back != category {
			t.Fatalf("%q became %q and then %q", category, k, back)
		}
	})
}
