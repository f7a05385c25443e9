// SPDX-License-Identifier: MIT

package config

import (
	"fmt"
	"reflect"
	"strings"

	"seer/internal/redact"
)

// Changes lists the keys whose values differ between two experiments, as "section.key: before, now after". What only
// says how a run shows or places itself (run.dir, log_every, workers, …) is left out: it does not change the result.
func Changes(before, after *Experiment) []string {
	var out []string
	compare("", reflect.ValueOf(*before), reflect.ValueOf(*after), &out)
	return out
}

// cosmetic keys do not change what a run computes.
var cosmetic = map[string]bool{
	"name": true, "run.dir": true, "run.log_every": true, "run.checkpoint_every": true, "run.keep": true, "run.keep_every": true, "run.keep_best": true,
	"mesh.first_timeout_seconds": true, "mesh.timeout_seconds": true,
	"data.workers": true, "data.prefetch": true, "data.urls.concurrency": true, "data.urls.per_host": true, "data.urls.contact": true, "data.cache": true,
	"linear": true, "knn": true, "svm": true, "probe": true, "finetune.validate_every": true, "detect.validate_every": true,
}

func compare(path string, a, b reflect.Value, out *[]string) {
	if cosmetic[path] {
		return
	}
	if a.Kind() == reflect.Struct && tableOf(a.Type()) != nil {
		for i := range a.NumField() {
			key := strings.TrimPrefix(path+"."+keyName(a.Type().Field(i)), ".")
			compare(key, a.Field(i), b.Field(i), out)
		}
		return
	}
	if a.Kind() == reflect.String && redact.URL(a.String()) == redact.URL(b.String()) {
		return // a signature that was renewed leads to the same images
	}
	if !reflect.DeepEqual(a.Interface(), b.Interface()) {
		*out = append(*out, fmt.Sprintf("%s: %v, now %v", path, shown(a), shown(b)))
	}
}

// shown is a value as it may be seen.
func shown(v reflect.Value) any {
	if v.Kind() == reflect.String {
		return redact.URL(v.String())
	}
	return v.Interface()
}
