// SPDX-License-Identifier: MIT

// Package report draws runs for people: curves of what metrics.jsonl holds, the accuracies of their probes, what differs
// between them, pictures of what they see, and their configuration, as one HTML file that needs nothing else, and the curves
// as SVG files for documents.
package report
