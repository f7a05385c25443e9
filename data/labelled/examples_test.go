// SPDX-License-Identifier: MIT

package labelled

// examples are small trees of every layout, by kind and variant.
var examples = map[string]map[string]string{
	"imagenet": {"train/n02119789/n02119789_1.JPEG": "", "train/n01440764/n01440764_10.JPEG": "", "train/n01440764/n01440764_9.JPEG": "", "val/": ""},
	"folders":  {"train/ape/1.jpg": "", "train/owl/1.jpg": ""},
	"places 365": {
		"categories_places365.txt":     "/a/air 0\n/b/bar/in 1\n",
		"places365_train_standard.txt": "/b/bar/1.jpg 1\n/a/air/1.jpg 0\n/a/air/2.jpg 0\n",
		"data_256/b/bar/1.jpg":         "", "data_256/a/air/1.jpg": "", "data_256/a/air/2.jpg": "",
	},
	"places 205": {
		"categoryIndex_places205.csv":  "/a/abbey 0\n/b/bar 1\n",
		"train_places205.csv":          "a/abbey/gsun_1.jpg,0\nb/bar/gsun_2.jpg,1\n",
		"images256/a/abbey/gsun_1.jpg": "", "images256/b/bar/gsun_2.jpg": "",
	},
}
