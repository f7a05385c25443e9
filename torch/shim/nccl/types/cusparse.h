// SPDX-License-Identifier: MIT
// Stands in for the header of that name: see README.md.
#pragma once
typedef struct cusparseContext *cusparseHandle_t;
typedef enum : int {} cusparseStatus_t;
