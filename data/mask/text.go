// SPDX-License-Identifier: MIT

package mask

import (
	"errors"
	"fmt"
	"math"
)

// COCO's compressed string writes each run as digits of five bits, the lowest first, in characters from '0' on. Bit 5 says that
// more digits follow, bit 4 of the last one is the sign: from the fourth run on (and for its string, from the third index) a run
// is written as the difference to the one before the last.
const (
	firstDigit = '0'
	digitBits  = 5
	signBit    = 1 << 4
	moreBit    = 1 << 5
	maxDigits  = 7 // a difference of two 32-bit runs has 33 bits and a sign
)

// Parse reads a compressed string.
func Parse[T string | []byte](height, width int, text T) (RLE, error) {
	if err := checkSize(height, width); err != nil {
		return RLE{}, err
	}
	counts := make([]uint32, 0, numbers(text))
	var total uint64
	for at := 0; at < len(text); {
		n, digits, err := number(text[at:])
		if err != nil {
			return RLE{}, fmt.Errorf("character %d of the counts: %w", at, err)
		}
		if i := len(counts); i > 2 {
			n += int64(counts[i-2])
		}
		if n < 0 || n > math.MaxUint32 {
			return RLE{}, fmt.Errorf("character %d of the counts: run %d would have %d pixels", at, len(counts), n)
		}
		counts = append(counts, uint32(n))
		total += uint64(n)
		at += digits
	}
	if err := checkTotal(height, width, total); err != nil {
		return RLE{}, err
	}
	return canonical(height, width, counts), nil
}

// numbers counts those of a text: each has one last digit.
func numbers[T string | []byte](text T) int {
	n := 0
	for i := range len(text) {
		if (text[i]-firstDigit)&moreBit == 0 {
			n++
		}
	}
	return n
}

// canonical takes runs that fill the mask, and keeps them as they are if none inside is empty, which is the rule.
func canonical(height, width int, counts []uint32) RLE {
	for i, n := range counts {
		if n == 0 && i > 0 {
			r, _ := FromRuns(height, width, counts) // the size and the sum are known to be right
			return r
		}
	}
	return RLE{height, width, counts}
}

// number reads one number and says how many characters it has.
func number[T string | []byte](text T) (n int64, digits int, err error) {
	for i := range min(len(text), maxDigits) {
		c := text[i] - firstDigit // wraps to a large one below '0'
		if c >= 1<<6 {
			return 0, 0, fmt.Errorf("%q is none of those from '0' to 'o' that a mask is written with", rune(text[i]))
		}
		n |= int64(c&(1<<digitBits-1)) << (digitBits * i)
		if c&moreBit == 0 {
			if c&signBit != 0 {
				n |= -1 << (digitBits * (i + 1))
			}
			return n, i + 1, nil
		}
	}
	if len(text) < maxDigits {
		return 0, 0, errors.New("the text ends within a number")
	}
	return 0, 0, fmt.Errorf("a number of more than %d characters", maxDigits)
}

// Text is the compressed string.
func (r RLE) Text() string { return string(r.AppendText(nil)) }

// AppendText appends the compressed string.
func (r RLE) AppendText(dst []byte) []byte {
	for i, n := range r.runs {
		x := int64(n)
		if i > 2 {
			x -= int64(r.runs[i-2])
		}
		dst = appendNumber(dst, x)
	}
	return dst
}

func appendNumber(dst []byte, x int64) []byte {
	for {
		c := byte(x & (1<<digitBits - 1))
		x >>= digitBits
		rest := int64(0) // what all further digits would say
		if c&signBit != 0 {
			rest = -1
		}
		if x == rest {
			return append(dst, c+firstDigit)
		}
		dst = append(dst, (c|moreBit)+firstDigit)
	}
}
