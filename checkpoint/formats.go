// SPDX-License-Identifier: MIT

package checkpoint

import (
	"bytes"
	"fmt"
	"strings"
)

// weightExtensions are the endings that files of weights have.
var weightExtensions = []string{".safetensors", ".pth", ".pt", ".bin", ".torch", ".ckpt", ".th", ".pyth", ".tar", ".pkl"}

// sniffBytes reach to the magic word of a tar archive.
const sniffBytes = 512

// isPickle recognises the first object of a legacy file, the integer
// 0x1950a86a20f9469cfc6c, in binary or text protocol.
func isPickle(head []byte) bool {
	return len(head) > 1 && head[0] == 0x80 && head[1] <= 5 ||
		bytes.HasPrefix(head, []byte("L119547037146038801333356L"))
}

// isSafetensors recognises the header's length and its first brace. A length may
// look like the start of a pickle; the text of a document looks like no length.
func isSafetensors(head []byte) bool {
	return len(head) > 8 && head[8] == '{' && !isText(head[:8])
}

func isText(head []byte) bool {
	return !bytes.ContainsFunc(head, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' && r != '\r' || r > '~' })
}

// foreignFormat is a format that is recognised and not read.
type foreignFormat struct {
	at      int
	magic   string
	problem string
}

const (
	unpack = ": unpack it and name the file inside"
	needed = "; a safetensors file or a file by torch.save is needed"
	again  = ", probably an error saved by a download" + needed
)

// foreignFormats are the usual mistakes behind a file that is no checkpoint. Texts
// are compared without regard to case and to blanks in front.
var foreignFormats = []foreignFormat{
	{0, "version https://git-lfs", "is a Git LFS pointer, not the file itself: run `git lfs pull` in its repository"},
	{0, "\x1f\x8b", "is packed by gzip: run gunzip on it"},
	{0, "BZh", "is packed by bzip2: run bunzip2 on it"},
	{0, "\xfd7zXZ", "is packed by xz: run unxz on it"},
	{0, "\x28\xb5\x2f\xfd", "is packed by zstd: run unzstd on it"},
	{0, "7z\xbc\xaf\x27\x1c", "is a 7z archive" + unpack},
	{0, "Rar!", "is a RAR archive" + unpack},
	{0, "PK\x05\x06", "is an empty zip archive" + needed},
	{0, "\x89HDF", "is an HDF5 file, as Keras writes" + needed},
	{0, "\x93NUMPY", "is a NumPy array" + needed},
	{0, "GGUF", "is a GGUF file of llama.cpp" + needed},
	{4, "TFL3", "is a TensorFlow Lite model" + needed},
	{0, "\x7fELF", "is a program" + needed},
	{0, "\x89PNG", "is a PNG image" + needed},
	{0, "\xff\xd8\xff", "is a JPEG image" + needed},
	{0, "%PDF", "is a PDF document" + needed},
}

var foreignTexts = []foreignFormat{
	{0, "<!doctype", "is a web page" + again},
	{0, "<html", "is a web page" + again},
	{0, "<?xml", "is an XML document" + again},
	{0, "{", "is a JSON document" + needed + ", or the index of several such files"},
}

// describeUnknown names the format of a file that is no checkpoint.
func describeUnknown(head []byte) string {
	if len(head) == 0 {
		return "is empty" + needed
	}
	if len(head) >= 64 && len(bytes.Trim(head, "\x00")) == 0 {
		return "begins with zeros, as a download that was cut leaves it: download or copy it again"
	}
	for _, f := range foreignFormats {
		if len(head) > f.at && bytes.HasPrefix(head[f.at:], []byte(f.magic)) {
			return f.problem
		}
	}
	text := strings.ToLower(strings.TrimSpace(string(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))))
	for _, f := range foreignTexts {
		if strings.HasPrefix(text, f.magic) {
			return f.problem
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("(dp")), bytes.HasPrefix(head, []byte("(lp")), bytes.HasPrefix(head, []byte("ccollections\n")):
		return "is a plain pickle of protocol 0" + needed
	case isTar(head):
		return describeTar(head)
	case isONNX(head):
		return "is an ONNX model" + needed
	}
	return fmt.Sprintf("is of unknown format, it begins with %q%s", head[:min(len(head), 16)], needed)
}

func isTar(head []byte) bool { return len(head) > 262 && bytes.HasPrefix(head[257:], []byte("ustar")) }

// describeTar tells PyTorch's first format, whose members have fixed names, from an
// archive around something else.
func describeTar(head []byte) string {
	name, _, _ := bytes.Cut(head[:100], []byte{0})
	switch string(name) {
	case "storages", "tensors", "pickle", "sys_info":
		return "is a tar archive (PyTorch wrote such files before 0.1.10): load and save it again with a newer PyTorch"
	}
	if bytes.HasPrefix(name, []byte("./")) { // a header of the format's own
		return "is a tar archive" + unpack
	}
	return fmt.Sprintf("is a tar archive that begins with %q%s", name, unpack)
}

// isONNX recognises the protocol buffer's first two fields: the version, a small
// number, and the producer's name.
func isONNX(head []byte) bool {
	return len(head) > 4 && head[0] == 0x08 && head[1] < 0x40 && (head[2] == 0x12 || head[2] == 0x3a) && int(head[3]) > 0
}
