// SPDX-License-Identifier: MIT

package pretrain_test

import (
	"fmt"

	"seer/config"
	"seer/tasks/pretrain"
	"seer/torch"
	"seer/train"
)

// One step of a small system on images that are all grey. Run adds data, schedule, run folder and resume; an engine by
// itself serves benchmarks and tests.
func ExampleNewEngine() {
	e := config.Default()
	e.Model = config.Model{Arch: "regnet_y", Depth: 4, W0: 16, WA: 16, WM: 2, GroupWidth: 8}
	e.SwAV.Hidden, e.SwAV.Out, e.SwAV.Prototypes = []int{32}, 16, 8
	plan := &config.Resolved{FreezePrototypes: 10}
	system, err := pretrain.NewSystem(e, plan, torch.CPU)
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := pretrain.NewEngine(system, e, plan, torch.CPU, false)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer engine.Close()
	scope := torch.NewScope()
	defer scope.Close()
	grey := torch.Full(128, torch.UInt8, torch.CPU, 2*4, 32, 32, 3) // two crops of four images
	_, err = engine.Step(0, 0.1, &train.Batch{Images: 4, Pixels: []*torch.Tensor{grey}}, true)
	if err != nil {
		fmt.Println(err)
		return
	}
	health := engine.Method.(*pretrain.Method).Health
	fmt.Printf("embeddings are %.0f apart, and each prototype gets %.3f of every image\n",
		health.EmbeddingStd, health.Confidence)
	// Output: embeddings are 0 apart, and each prototype gets 0.125 of every image
}
