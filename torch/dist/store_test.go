// SPDX-License-Identifier: MIT

package dist_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/torch/dist"
	"seer/torch/dist/disttest"
)

func TestValuesOfAStore(t *testing.T) {
	address := dist.StoreAddress{Host: "127.0.0.1", Port: int(disttest.FreePort(t, nil)), Serve: true}
	server, err := dist.OpenStore(address, time.Second)
	require.NoError(t, err)
	defer server.Close()
	address.Serve = false
	client, err := dist.OpenStore(address, time.Second)
	require.NoError(t, err)
	defer client.Close()

	there, err := client.Has("key")
	require.NoError(t, err)
	assert.False(t, there)
	_, err = client.Get("key", 50*time.Millisecond)
	assert.ErrorIs(t, err, dist.ErrLost)

	for _, value := range []string{"a value", "", "two\x00parts"} {
		require.NoError(t, server.Set("key", value))
		got, err := client.Get("key", time.Second)
		require.NoError(t, err)
		assert.Equal(t, value, got)
	}
	there, err = client.Has("key")
	require.NoError(t, err)
	assert.True(t, there)
}

func TestAStoreWithoutAServerIsAnError(t *testing.T) {
	_, err := dist.OpenStore(dist.StoreAddress{Host: "127.0.0.1", Port: int(disttest.FreePort(t, nil))}, 200*time.Millisecond)
	assert.ErrorIs(t, err, dist.ErrLost)
}
