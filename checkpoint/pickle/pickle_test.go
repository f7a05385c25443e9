// SPDX-License-Identifier: MIT

package pickle_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint/pickle"
)

// class answers to every name and keeps what it is given.
type class struct {
	name  string
	given []any
}

func (c *class) Call(args []any) (any, error) { return &class{name: c.name, given: args}, nil }
func (c *class) SetState(state any)           { c.given = append(c.given, state) }
func (c *class) SetItem(key, value any)       { c.given = append(c.given, key, value) }
func (c *class) Append(item any)              { c.given = append(c.given, item) }

func options() pickle.ReadOptions {
	return pickle.ReadOptions{
		Name: func(module, name string) (any, error) {
			if module == "forbidden" {
				return nil, errors.New("forbidden")
			}
			return &class{name: module + "." + name}, nil
		},
		Persistent: func(id any) (any, error) { return fmt.Sprintf("<%v>", id), nil },
	}
}

// show writes a value like Python's repr.
func show(v any) string {
	list := func(items []any) string {
		parts := make([]string, len(items))
		for i, item := range items {
			parts[i] = show(item)
		}
		return strings.Join(parts, ", ")
	}
	switch x := v.(type) {
	case *pickle.Tuple:
		return "(" + list(x.Items) + ")"
	case *pickle.List:
		return "[" + list(x.Items) + "]"
	case *pickle.Dict:
		var items []any
		for _, e := range x.Entries {
			items = append(items, e.Key, e.Value)
		}
		return "{" + list(items) + "}"
	case *class:
		return x.name + "(" + list(x.given) + ")"
	case []byte:
		return fmt.Sprintf("b%q", x)
	case string:
		return fmt.Sprintf("%q", x)
	case pickle.Long:
		digits := make([]byte, len(x))
		for i, b := range x {
			digits[len(x)-1-i] = b
		}
		n := new(big.Int).SetBytes(digits)
		if x[len(x)-1] >= 0x80 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(x))))
		}
		return n.String()
	}
	return fmt.Sprint(v)
}

// The programs were written by Python's pickle, and by hand where no Python writes
// them any more; the values are what its pickle.loads gives.
func TestDecode(t *testing.T) {
	tests := map[string]string{
		"N.": "<nil>", "\x80\x02\x88.": "true", "I01\n.": "true", "I00\n.": "false", "I-5\n.": "-5", "L12L\n.": "12",
		"K\xff.": "255", "M\xff\xff.": "65535", "J\xff\xff\xff\xff.": "-1",
		"\x8a\x00.": "0", "\x8a\x01\xff.": "-1", "\x8a\x02\x00\x80.": "-32768", "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.": "-9223372036854775808",
		"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.": "18446744073709551616",
		"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\xff.": "-18446744073709551616",
		"L18446744073709551616L\n.":                     "18446744073709551616",
		"L-18446744073709551617L\n.":                    "-18446744073709551617",
		"\x8b\x01\x00\x00\x00\x07.":                     "7",
		"G\x3f\xf8\x00\x00\x00\x00\x00\x00.":            "1.5",
		"F1.5\n.":                                       "1.5",
		"F1e999\n.":                                     "+Inf",
		"S'a\\x41\\n'\n.":                               `"aA\n"`,
		"S\"it's\"\n.":                                  `"it's"`,
		"V\\u20ac\n.":                                   `"€"`,
		"U\x01a.":                                       `"a"`,
		"T\x01\x00\x00\x00a.":                           `"a"`,
		"X\x02\x00\x00\x00\xc3\xa9.":                    `"é"`,
		"\x8c\x01a.":                                    `"a"`,
		"\x8d\x01\x00\x00\x00\x00\x00\x00\x00a.":        `"a"`,
		"C\x01a.":                                       `b"a"`,
		"\x96\x01\x00\x00\x00\x00\x00\x00\x00a.":        `b"a"`,
		").":                                            "()",
		"(K\x01K\x02t.":                                 "(1, 2)",
		"K\x01\x85.":                                    "(1)",
		"K\x01K\x02K\x03\x87.":                          "(1, 2, 3)",
		"(lp0\nI1\na.":                                  "[1]",
		"](K\x01K\x02e.":                                "[1, 2]",
		"(dp0\nS'a'\nI1\ns.":                            `{"a", 1}`,
		"(U\x01aK\x01d.":                                `{"a", 1}`,
		"}(U\x01aK\x01U\x01bK\x02u.":                    `{"a", 1, "b", 2}`,
		"\x8f(K\x01\x90.":                               "[1]",
		"(K\x01\x91.":                                   "[1]",
		"K\x01q\x00h\x00\x86.":                          "(1, 1)",
		"K\x01\x94K\x02\x94h\x01\x87.":                  "(1, 2, 2)",
		"I7\np12\n0g12\n.":                              "7",
		"K\x01r\x00\x00\x00\x01j\x00\x00\x00\x01\x86.":  "(1, 1)",
		"K\x010K\x02.":                                  "2",
		"K\x01(K\x02K\x031.":                            "1",
		"K\x01(0.":                                      "1",
		"K\x012\x86.":                                   "(1, 1)",
		"cm\nn\n.":                                      "m.n()",
		"\x8c\x01m\x8c\x01n\x93.":                       "m.n()",
		"cm\nn\nK\x01\x85R.":                            "m.n(1)",
		"cm\nn\n)\x81K\x01b.":                           "m.n(1)",
		"cm\nn\n)}\x92.":                                "m.n()",
		"(cm\nn\nK\x01o.":                               "m.n(1)",
		"(K\x01im\nn\n.":                                "m.n(1)",
		"cm\nn\n)RK\x01a.":                              "m.n(1)",
		"cm\nn\n)RU\x01aK\x01s.":                        `m.n("a", 1)`,
		"}K\x01b.":                                      "{}",
		"K\x01Q.":                                       `"<1>"`,
		"\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x01.": "1",
	}
	for program, want := range tests {
		value, n, err := pickle.Decode(strings.NewReader(program+"behind it"), options())
		require.NoError(t, err, "%q", program)
		assert.Equal(t, want, show(value), "%q", program)
		assert.EqualValues(t, len(program), n, "%q", program)

		for cut := range len(program) {
			_, _, err := pickle.Decode(iotest.OneByteReader(strings.NewReader(program[:cut])), options())
			require.ErrorIs(t, err, pickle.ErrShort, "%q", program[:cut])
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := map[string]string{
		".": "it takes more values than it has", "0.": "more values", "(.": "more values", "a.": "more values", "K\x01a.": "more values",
		"t.": "ends a container that it did not begin", "K\x01u.": "did not begin", "(u.": "more values", "(K\x01\x86.": "more values",
		"K\x01(K\x02e.": "appends to int64", "K\x01(K\x02K\x03u.": "sets an item of int64", "}(K\x01u.": "a key that has no value",
		"(K\x01d.": "a key that has no value", "h\x05.": "repeats value 5", "K\x01)R.": "calls int64", "cm\nn\nNR.": "arguments <nil>",
		"K\x01K\x02\x93.": "a name of int64", "(o.": "more values", "Ix\n.": `"x" is no integer`, "Fx\n.": `"x" is no number`,
		"Sx\n.": "not quoted", "gx\n.": "no number of a stored value", "cforbidden\nx\n.": "forbidden", "\x80\x06.": "protocol 6",
		"\x97.": "opcode 0x97", "P1\n.": "opcode 0x50", "\x82\x01.": "opcode 0x82", "\x8b\x00\x00\x00\x80.": "negative number",
	}
	for program, want := range tests {
		_, _, err := pickle.Decode(strings.NewReader(program), options())
		require.ErrorContains(t, err, want, "%q", program)
	}
	opt := options()
	opt.Persistent = nil
	_, _, err := pickle.Decode(strings.NewReader("K\x01Q."), opt)
	require.ErrorContains(t, err, "outside of it")
}

func TestDecodePassesReadErrors(t *testing.T) {
	broken := errors.New("input/output error")
	for _, program := range []string{"", "K", "X\x05\x00\x00\x00ab", "I12", "T\x00\x00\x00\x10abc"} {
		_, _, err := pickle.Decode(iotest.ErrReader(broken), options())
		require.ErrorIs(t, err, broken, "%q", program)
	}
}

// A list of a million paths and numbers is passed over, where it is not asked for.
func TestPlainItemsAreCounted(t *testing.T) {
	program := "](" + strings.Repeat("U\x04path", 1000) + "e."
	value, _, err := pickle.Decode(strings.NewReader(program), options())
	require.NoError(t, err)
	list := value.(*pickle.List)
	assert.EqualValues(t, 1000, int64(len(list.Items))+list.Plain)
	assert.Less(t, len(list.Items), 100)

	opt := options()
	opt.KeepPlain = true
	value, _, err = pickle.Decode(strings.NewReader(program), opt)
	require.NoError(t, err)
	assert.Len(t, value.(*pickle.List).Items, 1000)
}

// repeated is a text without end in no memory.
type repeated struct{ text string }

func (r repeated) Read(p []byte) (int, error) {
	n := 0
	for n+len(r.text) <= len(p) {
		n += copy(p[n:], r.text)
	}
	return max(n, 1), nil
}

// What a pickle keeps is bounded, however long it is.
func TestMemoryIsBounded(t *testing.T) {
	for _, endless := range []string{"}", "]", "(", "N", ")q\x00", "U\xff" + strings.Repeat("x", 255)} {
		opt := options()
		opt.Memory = 1 << 20
		_, _, err := pickle.Decode(repeated{endless}, opt)
		require.Error(t, err, "%q", endless)
		assert.Regexp(t, "more than", err.Error(), "%q", endless)
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"(dp0\nS'a'\nI1\ns.", "\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x01.", "cm\nn\n)\x81K\x01b.",
		"](K\x01K\x02e.", "L18446744073709551616L\n.", "V\\u20ac\n.", "(cm\nn\nK\x01o.", "\x8f(K\x01\x90q\x05h\x05\x86."} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, n, err := pickle.Decode(strings.NewReader(string(data)), options())
		require.LessOrEqual(t, n, int64(len(data)))
		if err == nil {
			require.Equal(t, byte('.'), data[n-1])
		}
	})
}
