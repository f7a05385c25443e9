// SPDX-License-Identifier: MIT

// Package report draws a run for people: curves of what metrics.jsonl holds, the accuracies of its probes, and its
// configuration, as one HTML file that needs nothing else, and the curves as SVG files for documents.
package report
