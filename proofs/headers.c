/* SPDX-License-Identifier: Apache-2.0 */
/* Headers whose inline functions WP proves, for units that name them. */
#include "guests/domain0/copy.h"
