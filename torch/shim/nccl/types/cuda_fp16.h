// SPDX-License-Identifier: MIT
// Stands in for the header of that name: see README.md.
#pragma once
