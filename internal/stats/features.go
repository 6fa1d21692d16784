// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"math"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Feature is one hashed term of a text.
type Feature struct {
	Index int32
	Value float32
}

// maxTerms bounds the words of a text that are read.
const maxTerms = 20000

// TextFeatures are the hashed words and word pairs of a text in dimension
// buckets: 1+ln(count) per bucket, scaled to length 1, sorted by index. Words
// are runs of letters or of digits, lower-cased; any other character but white
// space is a word of its own. Nil for a text without words.
func TextFeatures(text string, dimension int) []Feature {
	counts := map[int32]float32{}
	previous, terms := uint64(0), 0
	for start := 0; start < len(text) && terms < maxTerms; {
		hash, end := nextWord(text, start)
		start = end
		if hash == 0 {
			continue
		}
		terms++
		counts[int32(hash%uint64(dimension))]++
		if previous != 0 {
			counts[int32(mix(previous, hash)%uint64(dimension))]++
		}
		previous = hash
	}
	return normalised(counts)
}

func normalised(counts map[int32]float32) []Feature {
	if len(counts) == 0 {
		return nil
	}
	features := make([]Feature, 0, len(counts))
	for index, n := range counts {
		features = append(features, Feature{index, float32(1 + math.Log(float64(n)))})
	}
	slices.SortFunc(features, func(a, b Feature) int { return int(a.Index - b.Index) })
	length := 0.0
	for _, f := range features {
		length += float64(f.Value) * float64(f.Value)
	}
	scale := float32(1 / math.Sqrt(length))
	for i := range features {
		features[i].Value *= scale
	}
	return features
}

// FNV-1a, 64 bits.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// nextWord hashes the word that starts at start; 0 for white space.
func nextWord(text string, start int) (hash uint64, end int) {
	r, size := utf8.DecodeRuneInString(text[start:])
	class := classOf(r)
	if class == classSpace {
		return 0, start + size
	}
	hash, end = addRune(fnvOffset, r), start+size
	if class == classOther {
		return finish(hash), end
	}
	for end < len(text) {
		r, size = utf8.DecodeRuneInString(text[end:])
		if classOf(r) != class {
			break
		}
		hash = addRune(hash, r)
		end += size
	}
	return finish(hash), end
}

type runeClass uint8

const (
	classOther runeClass = iota
	classSpace
	classLetter
	classDigit
)

func classOf(r rune) runeClass {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return classLetter
	case r >= '0' && r <= '9':
		return classDigit
	case unicode.IsSpace(r):
		return classSpace
	case r < utf8.RuneSelf:
		return classOther
	case unicode.IsLetter(r), unicode.IsMark(r):
		return classLetter
	case unicode.IsDigit(r):
		return classDigit
	}
	return classOther
}

func addRune(hash uint64, r rune) uint64 {
	if r >= 'A' && r <= 'Z' {
		r += 'a' - 'A'
	} else if r >= utf8.RuneSelf {
		r = unicode.ToLower(r)
	}
	return (hash ^ uint64(r)) * fnvPrime
}

// finish spreads the bits, since FNV's low bits alone are poor, and keeps 0 for
// "no word".
func finish(hash uint64) uint64 { return max(1, mix(hash, fnvOffset)) }

// mix is the finaliser of splitmix64 over a pair.
func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 + b
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// AddFeatures adds sparse features to a dense vector.
func AddFeatures(dense []float32, features []Feature) {
	for _, f := range features {
		dense[f.Index] += f.Value
	}
}

// MeanFeatures averages several texts' features, dropping none.
func MeanFeatures(texts [][]Feature, dimension int) []Feature {
	if len(texts) == 1 {
		return texts[0]
	}
	dense := make([]float32, dimension)
	for _, t := range texts {
		AddFeatures(dense, t)
	}
	var mean []Feature
	for i, v := range dense {
		if v != 0 {
			mean = append(mean, Feature{int32(i), v / float32(len(texts))})
		}
	}
	return mean
}
