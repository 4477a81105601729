/* SPDX-License-Identifier: MIT
 *
 * registers.h - the registers that all Cortex-M have.
 */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define NVIC_ENABLE REGISTER(0xE000E100)
#define NVIC_DISABLE REGISTER(0xE000E180)

#endif
