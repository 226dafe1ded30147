// Checks a shard's tiles, and proofs that we made, with Go's own packages tlog and note: the ones that check the Go
// module mirror's checksum database. They are copied beside this file unmodified, from the Go that runs it.
//
//	check VKEY TILES [PROOF-FILE ...]
//	check VKEY TILES -since OLD-CHECKPOINT CONSISTENCY-PROOF
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"check/note"
	"check/tlog"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	verifier, err := note.NewVerifier(args[0])
	if err != nil {
		return err
	}
	known := note.VerifierList(verifier)
	folder := args[1]
	tree, err := checkpoint(filepath.Join(folder, "checkpoint"), known)
	if err != nil {
		return err
	}
	if len(args) == 5 && args[2] == "-since" {
		return since(tree, known, args[3], args[4])
	}
	// Every hash that this reader gives has been checked against the tree's.
	hashes := tlog.TileHashReader(tree, &tiles{folder, tree.N})
	count, err := entries(folder, tree, hashes)
	if err != nil {
		return err
	}
	for _, path := range args[2:] {
		if err := proof(path, known); err != nil {
			return fmt.Errorf("%s: %v", path, err)
		}
	}
	fmt.Printf("%d entries, %d proofs\n", count, len(args)-2)
	return nil
}

func checkpoint(path string, known note.Verifiers) (tlog.Tree, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	return open(text, known)
}

func open(text []byte, known note.Verifiers) (tlog.Tree, error) {
	signed, err := note.Open(text, known)
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 {
		return tlog.Tree{}, fmt.Errorf("a checkpoint of %d lines", len(lines))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

// Every entry is hashed, and compared with the hash in its tile.
func entries(folder string, tree tlog.Tree, hashes tlog.HashReader) (int64, error) {
	var n int64
	for bundle := int64(0); bundle*256 < tree.N; bundle++ {
		width := tree.N - bundle*256
		if width > 256 {
			width = 256
		}
		data, err := os.ReadFile(filepath.Join(folder, path("entries", bundle, width)))
		if err != nil {
			return n, err
		}
		var indexes []int64
		for i := int64(0); i < width; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, n+i))
		}
		tile, err := hashes.ReadHashes(indexes)
		if err != nil {
			return n, err
		}
		for i := int64(0); i < width; i++ {
			length := int(binary.BigEndian.Uint16(data))
			entry := data[2 : 2+length]
			data = data[2+length:]
			if tile[i] != tlog.RecordHash(entry) {
				return n, fmt.Errorf("entry %d is not the one in its tile", n)
			}
			n++
		}
		if len(data) != 0 {
			return n, fmt.Errorf("bundle %d has %d bytes too many", bundle, len(data))
		}
	}
	// Proofs that Go makes of our tiles hold for Go.
	for _, index := range []int64{0, tree.N / 2, tree.N - 1} {
		made, err := tlog.ProveRecord(tree.N, index, hashes)
		if err != nil {
			return n, err
		}
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
		if err != nil {
			return n, err
		}
		if err := tlog.CheckRecord(made, tree.N, tree.Hash, index, leaf[0]); err != nil {
			return n, err
		}
	}
	return n, nil
}

// A proof file of ours (C2SP tlog-proof).
func proof(path string, known note.Verifiers) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, signed, found := bytes.Cut(text, []byte("\n\n"))
	if !found {
		return fmt.Errorf("no empty line")
	}
	tree, err := open(signed, known)
	if err != nil {
		return err
	}
	lines := strings.Split(string(head), "\n")
	record, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	if err != nil {
		return err
	}
	var hashes tlog.RecordProof
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		hashes = append(hashes, hash)
	}
	return tlog.CheckRecord(hashes, tree.N, tree.Hash, index, tlog.RecordHash(record))
}

// A consistency proof of ours, a hash to a line.
func since(tree tlog.Tree, known note.Verifiers, older, proof string) error {
	old, err := checkpoint(older, known)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(proof)
	if err != nil {
		return err
	}
	var hashes tlog.TreeProof
	for _, line := range strings.Fields(string(text)) {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		hashes = append(hashes, hash)
	}
	if err := tlog.CheckTree(hashes, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return err
	}
	fmt.Printf("%d to %d\n", old.N, tree.N)
	return nil
}

// C2SP's names for Go's tiles.
type tiles struct {
	folder string
	size   int64
}

func (t *tiles) Height() int { return 8 }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(t.folder, path(strconv.Itoa(tile.L), tile.N, int64(tile.W))))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func path(level string, n, width int64) string {
	name := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	if width < 256 {
		name = fmt.Sprintf("%s.p/%d", name, width)
	}
	return filepath.Join("tile", level, name)
}
