// SPDX-License-Identifier: MIT

package runfolder

import (
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"seer/internal/redact"
)

// Names of the run's description.
const (
	ConfigFile   = "resolved.toml"
	VersionsFile = "versions.json"
)

// Versions says what a run was made with, for [VersionsFile].
type Versions struct {
	Seer     string    `json:"seer"`
	Revision string    `json:"revision,omitempty"` // git commit, when the build knew it
	Modified bool      `json:"modified,omitempty"` // the working tree differed from the commit
	Libtorch string    `json:"libtorch"`
	Go       string    `json:"go"`
	Platform string    `json:"platform"`
	CPUs     int       `json:"cpus"`
	Host     string    `json:"host"`
	Command  []string  `json:"command"`
	Started  time.Time `json:"started"`
}

// NewVersions describes the running program; libtorch's version comes from
// whoever loaded it.
func NewVersions(seer, libtorch string) Versions {
	v := Versions{
		Seer: seer, Libtorch: libtorch, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
		Command: withoutSecrets(os.Args), Started: time.Now().UTC().Truncate(time.Second),
	}
	if host, err := os.Hostname(); err == nil {
		v.Host = host
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	return v
}

// withoutSecrets is a command line without user and query of the URLs in it: the file can be read by others.
func withoutSecrets(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		out[i] = redact.Setting(arg)
	}
	return out
}
