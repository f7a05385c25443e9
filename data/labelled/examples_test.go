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
	"inaturalist 2018": {
		"train2018.json": `{"info": {"year": [2018, {"a": null}]}, "images": [
			{"id": 7, "width": 8, "file_name": "train_val2018/Aves/12/b.jpg"}, {"id": 3, "file_name": "train_val2018/Aves/5/a.jpg"}],
			"categories": [{"id": 12, "name": "owl", "supercategory": "Aves"}, {"id": 5, "name": "jay"}],
			"annotations": [{"id": 1, "image_id": 3, "category_id": 5}, {"id": 2, "image_id": 7, "category_id": 12}]}`,
		"train_val2018/Aves/12/b.jpg": "", "train_val2018/Aves/5/a.jpg": "",
	},
	"openimages v6": {
		"oidv6-classes-trainable.txt":                   "/m/01\n/m/03\n/m/02\n",
		"oidv6-class-descriptions.csv":                  "LabelName,DisplayName\n/m/01,Tortoise\n/m/02,\"Cup, of tea\"\n/m/03,Tree\n/m/04,Grass\n",
		"oidv6-train-annotations-human-imagelabels.csv": "ImageID,Source,LabelName,Confidence\n" + openImagesRows,
		"validation-annotations-human-imagelabels.csv":  "ImageID,Source,LabelName,Confidence\n0000000000000009,verification,/m/02,1\n",
		"train/000000000000000a.jpg":                    "",
		"train/f00000000000000b.jpg":                    "",
		"validation/0000000000000009.jpg":               "",
	},
	"voc 2007": {
		"VOCdevkit/VOC2007/ImageSets/Main/train.txt":     "000012\n000007\n",
		"VOCdevkit/VOC2007/ImageSets/Main/cat_train.txt": "000012  1\n000007 -1\n",
		"VOCdevkit/VOC2007/ImageSets/Main/car_train.txt": "000012  0\n000007  1\n",
		"VOCdevkit/VOC2007/JPEGImages/000012.jpg":        "",
		"VOCdevkit/VOC2007/JPEGImages/000007.jpg":        "",
	},
	"coco 2017": {
		"annotations/instances_train2017.json": `{"images": [{"id": 9, "file_name": "000000000009.jpg"}, {"id": 4, "file_name": "000000000004.jpg"}, {"id": 5, "file_name": "000000000005.jpg"}],
			"annotations": [{"image_id": 9, "category_id": 90, "area": 4.5, "bbox": [1, 2, 3, 4], "segmentation": [[1, 2, 3, 4, 5, 6]], "iscrowd": 0},
			{"image_id": 9, "category_id": 90, "area": 9, "segmentation": {"counts": [3, 4], "size": [2, 3]}, "iscrowd": 1},
			{"image_id": 9, "category_id": 3, "area": 0}, {"image_id": 4, "category_id": 3, "area": 1}, {"image_id": 1, "category_id": 3}],
			"categories": [{"id": 90, "name": "toothbrush"}, {"id": 3, "name": "car"}]}`,
		"train2017/000000000009.jpg": "", "train2017/000000000004.jpg": "", "train2017/000000000005.jpg": "",
	},
}

// openImagesRows come back to the first image, which two sources contradict each other about.
const openImagesRows = `f00000000000000b,verification,/m/01,1
f00000000000000b,verification,/m/02,0
000000000000000a,machine,/m/03,0.7
000000000000000a,verification,/m/04,1
000000000000000a,verification,/m/02,1
f00000000000000b,crowdsource,/m/01,1
f00000000000000b,crowdsource,/m/02,1
f00000000000000b,crowdsource,/m/03,0
`
