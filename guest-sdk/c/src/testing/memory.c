/* Memory of a test, with the same rules as the host's. */
#include "kept.h"

static node copy_of(weir_test_key *key, const node *from) {
    node copy = *from;
    if (from->count) copy.below = keep(key, from->count * sizeof *copy.below);
    for (size_t i = 0; i < from->count; i++) copy.below[i] = copy_of(key, &from->below[i]);
    return copy;
}

static node *field_of(node *object, const char *name) {
    for (size_t i = 0; i < object->count; i++)
        if (strcmp(object->below[i].name, name) == 0) return &object->below[i];
    return NULL;
}

/* Names stand in the order of their bytes. */
static node *add_field(weir_test_key *key, node *object, const char *name) {
    list fields = {object->below, object->count};
    more(key, &fields, sizeof(node));
    object->below = fields.items;
    size_t at = object->count++;
    for (; at > 0 && strcmp(object->below[at - 1].name, name) > 0; at--) object->below[at] = object->below[at - 1];
    object->below[at] = (node){name, NULL, NULL, 0};
    return &object->below[at];
}

static void write_node(weir_buffer *to, const node *from) {
    if (from->leaf) {
        weir_append(to, "%s", from->leaf);
        return;
    }
    weir_append(to, "{");
    for (size_t i = 0; i < from->count; i++) {
        weir_append(to, "%s%s:", i ? "," : "", weir_json_quote(from->below[i].name));
        write_node(to, &from->below[i]);
    }
    weir_append(to, "}");
}

static bool refuse(weir_action_memory_memory_error_t *error, int tag, const char *why) {
    error->tag = (uint8_t)tag;
    give(&error->val.other, why);
    return false;
}

/* The names of a path: split at dots, `\.` and `\\` being a dot and a backslash in a name. */
static bool parse(const component_string_t *lent, list *names, weir_action_memory_memory_error_t *error) {
    const char *path = keep_lent(running, lent), *at = path;
    *names = (list){0};
    if (!*path) return true;
    for (;;) {
        char *name = keep(running, strlen(at) + 1), *to = name;
        for (; *at && *at != '.'; at++) {
            if (*at == '\\' && *++at != '.' && *at != '\\')
                return refuse(error, 0, keep_format(running, "path \"%s\" has a backslash before neither a dot nor a backslash", path));
            *to++ = *at;
        }
        if (to == name)
            return refuse(error, 0, keep_format(running, "path \"%s\" has an empty name; write `\\.` for a dot in a name", path));
        *(const char **)more(running, names, sizeof name) = name;
        if (!*at++) return true;
    }
}

/* What stands at the path. To a read, nothing is below a value. */
static node *look(node *root, const list *names) {
    node *at = root;
    for (size_t i = 0; at && i < names->count; i++) at = at->leaf ? NULL : field_of(at, ((const char **)names->items)[i]);
    return at;
}

/* The object that holds the last of the names, made where it is missing, if no value stands in the way. */
static node *parent_of(node *root, const list *names, const component_string_t *path, weir_action_memory_memory_error_t *error) {
    const char **name = names->items;
    node *at = root;
    for (size_t i = 0; at && i + 1 < names->count; i++) {
        at = field_of(at, name[i]);
        if (at && at->leaf) {
            refuse(error, 1, keep_format(running, "change \"%s\": a value stands at \"%s\"; paths do not reach into values",
                                         keep_lent(running, path), name[i]));
            return NULL;
        }
    }
    at = root;
    for (size_t i = 0; i + 1 < names->count; i++) {
        node *below = field_of(at, name[i]);
        at = below ? below : add_field(running, at, name[i]);
    }
    return at;
}

bool weir_action_memory_get(uint8_t scope, component_string_t *path, weir_action_memory_option_json_t *value,
                            weir_action_memory_memory_error_t *error) {
    list names;
    if (!parse(path, &names, error)) return false;
    const node *found = look(&host()->working[scope], &names);
    value->is_some = found != NULL;
    if (found) {
        weir_buffer text = {0};
        write_node(&text, found);
        give(&value->val, text.text);
    }
    return true;
}

static bool put(weir_test_key *key, node *root, component_string_t *path, const char *leaf, weir_action_memory_memory_error_t *error) {
    list names;
    if (!parse(path, &names, error)) return false;
    node *there = look(root, &names);
    if (there && !there->leaf)
        return refuse(error, 1, keep_format(key, "set \"%s\": an object stands there; remove it first", keep_lent(key, path)));
    node *parent = parent_of(root, &names, path, error);
    if (!parent) return false;
    const char *name = ((const char **)names.items)[names.count - 1];
    node *field = field_of(parent, name);
    if (!field) field = add_field(key, parent, name);
    field->leaf = leaf;
    return true;
}

bool weir_action_memory_set(uint8_t scope, component_string_t *path, component_string_t *value,
                            weir_action_memory_memory_error_t *error) {
    refuse_while_open("memory.set");
    return put(running, &running->working[scope], path, keep_lent(running, value), error);
}

bool weir_action_memory_new_object(uint8_t scope, component_string_t *path, weir_action_memory_memory_error_t *error) {
    list names;
    refuse_while_open("memory.new-object");
    if (!parse(path, &names, error)) return false;
    node *root = &running->working[scope], *there = look(root, &names);
    if (there && there->leaf)
        return refuse(error, 1, keep_format(running, "make object \"%s\": a value stands there; remove it first",
                                            keep_lent(running, path)));
    if (there) return true;
    node *parent = parent_of(root, &names, path, error);
    if (parent) add_field(running, parent, ((const char **)names.items)[names.count - 1]);
    return parent != NULL;
}

bool weir_action_memory_fields(uint8_t scope, component_string_t *path, component_option_list_string_t *fields,
                               weir_action_memory_memory_error_t *error) {
    list names;
    if (!parse(path, &names, error)) return false;
    const node *found = look(&host()->working[scope], &names);
    fields->is_some = found && !found->leaf;
    if (!fields->is_some) return true;
    fields->val.len = found->count;
    fields->val.ptr = allocate_for_guest(found->count * sizeof *fields->val.ptr);
    for (size_t i = 0; i < found->count; i++) give(&fields->val.ptr[i], found->below[i].name);
    return true;
}

bool weir_action_memory_exists(uint8_t scope, component_string_t *path, bool *is, weir_action_memory_memory_error_t *error) {
    list names;
    if (!parse(path, &names, error)) return false;
    *is = look(&host()->working[scope], &names) != NULL;
    return true;
}

bool weir_action_memory_remove(uint8_t scope, component_string_t *path, bool *was, weir_action_memory_memory_error_t *error) {
    list names;
    refuse_while_open("memory.remove");
    if (!parse(path, &names, error)) return false;
    node *root = &running->working[scope], *there = look(root, &names);
    *was = there && (there != root || root->count > 0);
    if (there == root) {
        root->count = 0;
    } else if (there) {
        /* The parent stays, though it may be empty now. */
        node *parent = parent_of(root, &names, path, error);
        node *last = parent->below + --parent->count;
        memmove(there, there + 1, (size_t)(last - there) * sizeof *there);
    }
    return true;
}
