// All of toml++ is compiled into this file; nothing of it is linked.
#define TOML_HEADER_ONLY 1
// Its parser asserts what some broken texts do not keep, and in optimised programs takes it for granted.
// A text must not end the program: what it asserts is checked, always, and thrown.
#undef NDEBUG
#include <stdexcept>
namespace {
struct broken_text : std::logic_error {
    using std::logic_error::logic_error;
};
[[noreturn]] void refuse_text() { throw broken_text("a key or a value is missing or misplaced"); }
}  // namespace
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : refuse_text())
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "ctoml.h"

#include <new>
#include <string>
#include <vector>

struct ctoml_document {
    toml::table root;
    std::vector<ctoml_item> items;
    std::string error;
    uint32_t line = 0, column = 0;
};

namespace {

// Each dot of a key makes a table inside a table, and what walks over them calls itself as deep.
constexpr size_t most_dots = 16;

bool has_deep_key(const char *text, size_t length, uint32_t &line) {
    size_t dots = 0;
    bool comment = false, blank = true;
    line = 1;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        if (c == '\n') {
            line++;
            dots = 0, comment = false, blank = true;
            continue;
        }
        if (comment || c == ' ' || c == '\t') continue;
        if (blank && c == '#') comment = true;
        blank = false;
        if (c == '=' || c == '[' || c == ']' || c == '{' || c == '}' || c == ',') dots = 0;
        if (c == '.' && ++dots > most_dots) return true;
    }
    return false;
}

void add(ctoml_document &document, const toml::node &node, int64_t parent, const toml::key *key) {
    ctoml_item item{};
    const auto place = node.source().begin;
    item.parent = parent;
    item.line = place.line;
    item.column = place.column;
    if (key) {
        item.key = key->str().data();
        item.key_length = key->str().size();
        item.key_line = key->source().begin.line;
        item.key_column = key->source().begin.column;
    }
    if (auto *value = node.as_string()) {
        item.kind = CTOML_STRING;
        item.string = value->get().data();
        item.string_length = value->get().size();
    } else if (auto *value = node.as_integer()) {
        item.kind = CTOML_INTEGER;
        item.integer = value->get();
    } else if (auto *value = node.as_floating_point()) {
        item.kind = CTOML_FLOAT;
        item.real = value->get();
    } else if (auto *value = node.as_boolean()) {
        item.kind = CTOML_BOOLEAN;
        item.boolean = value->get();
    } else if (node.is_table()) {
        item.kind = CTOML_TABLE;
    } else if (node.is_array()) {
        item.kind = CTOML_ARRAY;
    } else {
        item.kind = CTOML_TIME;
    }
    const auto index = static_cast<int64_t>(document.items.size());
    document.items.push_back(item);
    if (auto *table = node.as_table()) {
        for (auto &&[name, value] : *table) add(document, value, index, &name);
    } else if (auto *array = node.as_array()) {
        for (auto &&value : *array) add(document, value, index, nullptr);
    }
}

bool is_broken(std::string_view text) {
    try {
        static_cast<void>(toml::parse(text));
    } catch (const broken_text &) {
        return true;
    } catch (const std::exception &) {
    }
    return false;
}

// The first line with which the text is broken: the parser reads from the beginning and stops there.
uint32_t broken_line(std::string_view text) {
    std::vector<size_t> ends;
    for (size_t i = 0; i < text.size(); i++)
        if (text[i] == '\n') ends.push_back(i + 1);
    ends.push_back(text.size());
    size_t low = 0, high = ends.size() - 1;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (is_broken(text.substr(0, ends[middle]))) high = middle; else low = middle + 1;
    }
    return static_cast<uint32_t>(low + 1);
}

}  // namespace

ctoml_document *ctoml_parse(const char *text, size_t length) {
    auto *document = new (std::nothrow) ctoml_document;
    if (!document) return nullptr;
    try {
        if (has_deep_key(text, length, document->line)) {
            document->error = "a key with so many dots cannot be read";
            document->column = 1;
            return document;
        }
        document->root = toml::parse(std::string_view(text, length));
        add(*document, document->root, -1, nullptr);
    } catch (const toml::parse_error &error) {
        document->items.clear();
        document->error = error.description();
        document->line = error.source().begin.line;
        document->column = error.source().begin.column;
    } catch (const broken_text &error) {
        document->items.clear();
        document->error = error.what();
        document->line = broken_line(std::string_view(text, length));
        document->column = 1;
    } catch (const std::exception &error) {
        document->items.clear();
        document->error = error.what();
    }
    return document;
}

void ctoml_free(ctoml_document *document) { delete document; }

const char *ctoml_error(const ctoml_document *document, uint32_t *line, uint32_t *column) {
    if (document->error.empty()) return nullptr;
    *line = document->line;
    *column = document->column;
    return document->error.c_str();
}

size_t ctoml_count(const ctoml_document *document) { return document->items.size(); }

ctoml_item ctoml_get(const ctoml_document *document, size_t index) { return document->items[index]; }
