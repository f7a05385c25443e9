// SPDX-License-Identifier: MIT

// Package torch is libtorch 2.11 for Go: tensors with explicit ownership, automatic differentiation, mixed precision,
// whole-list optimizer kernels and random state. It is the only package of seer that touches libtorch or imports
// gotorch; it keeps gotorch's tensor handle, calls gotorch where gotorch is sound, and its own C shim (torch/shim)
// for everything else.
//
// # Ownership
//
// A tensor made while a [Scope] is open on the calling goroutine belongs to that scope and is freed when the scope
// closes; [Scope.Keep] hands it to the enclosing scope. A tensor made while none is open belongs to the caller, who
// calls [Tensor.Close]. Finalizers free nothing: the garbage collector does not know how much device memory a handle
// pins. A closed tensor is poisoned: its use is an error that names the place that closed it. Build with -tags torchdebug
// to record where each live tensor was made (profile "seer/torch.Tensor" in runtime/pprof).
//
// # Errors
//
// Operations panic with an [*OpError], which names the operation, the shapes and libtorch's message, so that model
// code reads like the formulas. [Try] is the border that turns such a panic into an error value; every other panic
// passes through it. Functions that touch the world (devices, files, host copies of foreign data) return errors.
//
// # Threads
//
// Grad mode, autocast and the open scope are properties of the OS thread. [NewScope], [NoGrad] and [Autocast] hold the
// calling goroutine on its thread for as long as they last. A training run does all its libtorch calls on one
// goroutine; several goroutines may use the package at once as long as each stays with its own tensors.
package torch
