// SPDX-License-Identifier: MIT

// Package swav is SwAV: "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments" (Caron et al.,
// arXiv 2006.09882), in the form that trained SEER (arXiv 2103.01988).
//
// Several crops of each image pass through trunk and head. Every crop is compared with K prototypes (scores). For two of
// the crops, Sinkhorn's iterations turn the scores of the whole batch into assignments Q that use all prototypes
// equally; every other crop of the same image then has to predict Q from its own scores (swapped prediction). No
// gradient flows through Q.
//
// Rows are crop-major everywhere: with B images, rows [v·B, (v+1)·B) belong to crop v. Letters are the paper's: Z
// embeddings, C prototypes, Q assignments, K prototypes, B images a batch, τ temperature, ε the entropy of Q.
//
// Read swav.go first, then sinkhorn.go and loss.go.
package swav
