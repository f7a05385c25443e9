// SPDX-License-Identifier: MIT

package arch

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// spelled is a RegNet's name as torchvision, timm, transformers, pycls, VISSL, ClassyVision and Keras write it: a family,
// a size in digits (016 is 1.6 GF), in MF, GF or as 10B, and a rest such as _tv, -seer-in1k, .tv2_in1k or _dds_8gpu.
var spelled = regexp.MustCompile(`^(?:model_)?regnet[-_ ]?([vxyz]?)[-_ ]?(?:(\d{3,4})|(\d+(?:[._]\d+)?)[-_ ]?(mf|gf|b))(?:$|([-_.](.*))|_weights.*)$`)

// Spelled is the variant that another library's name of an architecture means. The error of a name that means none here
// says why, where that is known; ok is false where nothing is.
func Spelled(name string) (variant string, ok bool, err error) {
	base := strings.ToLower(strings.TrimSpace(name))
	base = base[strings.LastIndex(base, "/")+1:]
	m := spelled.FindStringSubmatch(base)
	if m == nil {
		return "", false, nil
	}
	if m[1] == "z" || m[1] == "v" {
		return "", false, fmt.Errorf("it is a RegNet%s, and this program has RegNetX and RegNetY", strings.ToUpper(m[1]))
	}
	found := canonical(m)
	if _, known := variants[found]; !known {
		return "", false, nil
	}
	rest := m[5]
	digits := m[2] != ""
	if found == "regnet_x_400mf" && digits && !strings.Contains(rest, "tv") {
		return "", false, errors.New("it has pycls' and timm's widths, and this program has torchvision's, regnet_x_400mf")
	}
	if _, wide := variants[found+"_seer"]; wide && !strings.Contains(rest, "tv") && (digits || strings.Contains(rest, "seer") || m[1] == "") {
		found += "_seer" // the widths of everybody but torchvision
	}
	return found, true, nil
}

// canonical is the name of a size.
func canonical(m []string) string {
	family := "regnet_y_"
	if m[1] == "x" {
		family = "regnet_x_"
	}
	if m[2] != "" {
		tenths, _ := strconv.Atoi(m[2]) // three or four digits
		if tenths < 10 {
			return fmt.Sprintf("%s%d00mf", family, tenths)
		}
		return family + decimal(float64(tenths)/10) + "gf"
	}
	size, _ := strconv.ParseFloat(strings.ReplaceAll(m[3], "_", "."), 64) // digits with one point
	if m[4] == "gf" && size < 1 {
		return family + decimal(size*1000) + "mf"
	}
	return family + decimal(size) + m[4]
}

func decimal(v float64) string {
	return strings.ReplaceAll(strconv.FormatFloat(v, 'f', -1, 64), ".", "_")
}
