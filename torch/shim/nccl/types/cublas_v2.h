// SPDX-License-Identifier: MIT
// Stands in for the header of that name: see README.md.
#pragma once
typedef struct cublasContext *cublasHandle_t;
typedef enum : int {} cublasStatus_t;
