// SPDX-License-Identifier: MIT

// Package optim updates parameters: SGD with momentum, with the layer-wise rates of LARC or LARS, which large batches
// need. Which rate, decay and adaptation a parameter gets is decided in optim/rules, the learning rate over time in
// optim/schedule; both are plain arithmetic. Here whole parameter lists move in a few calls.
package optim
