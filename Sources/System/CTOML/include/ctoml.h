#ifndef CTOML_H
#define CTOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A TOML text, taken apart: a list of items, parents before what they contain.
typedef struct ctoml_document ctoml_document;

typedef enum ctoml_kind {
    CTOML_TABLE, CTOML_ARRAY, CTOML_STRING, CTOML_INTEGER, CTOML_FLOAT, CTOML_BOOLEAN, CTOML_TIME
} ctoml_kind;

/// A value, and where it stands; lines and columns count from 1. Texts are UTF-8 and belong to the document.
typedef struct ctoml_item {
    ctoml_kind kind;
    /// The item that contains this one; -1: the first, which is the whole document.
    int64_t parent;
    uint32_t line, column;
    /// In a table; of an array's elements the length is 0.
    const char *key;
    size_t key_length;
    uint32_t key_line, key_column;
    const char *string;
    size_t string_length;
    int64_t integer;
    double real;
    bool boolean;
} ctoml_item;

/// Never NULL but without memory. To be freed.
ctoml_document *ctoml_parse(const char *text, size_t length);
void ctoml_free(ctoml_document *document);

/// What is wrong with the text, and where; NULL: nothing.
const char *ctoml_error(const ctoml_document *document, uint32_t *line, uint32_t *column);

size_t ctoml_count(const ctoml_document *document);
ctoml_item ctoml_get(const ctoml_document *document, size_t index);

#ifdef __cplusplus
}
#endif

#endif
