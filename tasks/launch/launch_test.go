// SPDX-License-Identifier: MIT

package launch

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/runfolder"
	"seer/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }

// What has a password or a signature is for its owner only.
func TestExperimentWithSecretsIsPrivate(t *testing.T) {
	for source, want := range map[string]fs.FileMode{
		"https://user:pass@example.org/{0..9}.tar":      0o600,
		"https://example.org/{0..9}.tar?signature=abcd": 0o600,
		"https://example.org/{0..9}.tar":                0o644,
	} {
		e := config.Default()
		e.Data.Source, e.Run.Dir = source, filepath.Join(t.TempDir(), "run")
		l, err := Open(e, StartOptions{Out: io.Discard})
		require.NoError(t, err)
		require.NoError(t, l.Begin())
		experiment, err := l.experiment()
		require.NoError(t, err)
		snapshot, err := runfolder.Snap(1, []runfolder.Part{files{}}, nil, experiment)
		require.NoError(t, err)
		require.NoError(t, l.Folder.Write(snapshot))
		require.NoError(t, l.Folder.Written())
		for _, path := range []string{runfolder.ConfigFile, filepath.Join("latest", runfolder.ConfigFile)} {
			info, err := os.Stat(l.Folder.Path(path))
			require.NoError(t, err)
			assert.Equal(t, want, info.Mode().Perm(), "%s %s", source, path)
		}
		require.NoError(t, l.Close())
	}
}

// files is a part that makes all files that a checkpoint needs.
type files struct{}

func (files) Name() string { return "files" }

func (files) Save(s *runfolder.Shard) error {
	s.PutTensors(runfolder.ModelFile, nil)
	s.PutTensors(runfolder.OptimizerFile, nil)
	return nil
}

func (files) Load(*runfolder.Shard) error { return nil }
