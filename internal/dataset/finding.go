// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

// Kinds of findings.
const (
	FindingMissing    = "missing"
	FindingTruncated  = "truncated"
	FindingAltered    = "altered"
	FindingRows       = "row_count"
	FindingDuplicated = "duplicated"
	FindingMisplaced  = "misplaced"
	FindingOrphan     = "orphan"
	FindingUnfinished = "unfinished"
	FindingPartition  = "partition"
	FindingManifest   = "manifest"
	FindingDangling   = "dangling"
	FindingNewer      = "newer"
)

// RemarkRepeated is the kind of remark about rows that stand in two files.
const RemarkRepeated = "repeated"

// Finding is one fault of a dataset, or a remark about it.
type Finding struct {
	Kind   string `json:"kind"`
	Path   string `json:"path"`
	Detail string `json:"detail"`
	// Advice says what to do.
	Advice string `json:"advice"`
}

const (
	adviceRestore = "put the file back from a copy; without one, --repair --accept-loss takes it out of the manifest"
	adviceAside   = "--repair moves it to " + quarantineDir
)

// advice is what to do about each kind.
var advice = map[string]string{
	FindingMissing:    adviceRestore,
	FindingTruncated:  adviceRestore,
	FindingAltered:    adviceRestore,
	FindingRows:       "put its manifest entry back from a copy; without one, --repair --accept-loss takes the file out of the manifest",
	FindingDuplicated: adviceAside,
	FindingMisplaced:  "--repair moves it to where the manifest expects it",
	FindingOrphan:     "when no collector is writing, " + adviceAside,
	FindingUnfinished: "when no collector is writing, --repair removes it",
	FindingPartition:  "move it back to its own folder and put its manifest entry back from a copy; spanloop and views.sql go by the columns meanwhile",
	FindingManifest:   "put it back from a copy; without one, --repair names the files again that it named, as far as their names prove their content",
	FindingDangling:   "put the partition's files of messages back from a copy; all else of these spans can be read",
	FindingNewer:      "use a newer spanloop; this one leaves it as it is",
	RemarkRepeated:    "nothing: the views and spanloop count each once",
}

// Verification is the result of Verify.
type Verification struct {
	Files    int       `json:"files"`
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"`
	Findings []Finding `json:"findings"`
	// Remarks are no faults: rows that a retry wrote twice.
	Remarks []Finding `json:"remarks"`
}
