/* Replays the warm-up requests of an exported model through TensorFlow's C library,
 * as a server does that is no Python, and compares the answers with those that were
 * recorded at export.
 *
 *     replay VERSION_FOLDER TOLERANCE [LIBRARY_OF_OPS ...]
 *
 * Prints a line for each signature: its name, how many requests and rows it answered
 * and the largest difference between floats, with tabs between; and a line that begins
 * with "wrong: " for all that is wrong. Exit status: 0 if all is as recorded, 1 if an
 * answer isn't, 2 if the model or its requests can't be read.
 *
 * The files are read by hand: a TFRecord file of PredictionLog, the MetaGraphDef of
 * the model. Tensors alone are left to TensorFlow.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

enum { MAX_TENSORS = 64, NAME = 256 };

/* A stretch of a message. */
typedef struct {
  const uint8_t *at, *end;
} Bytes;

/* Tensors by name, of a request or an answer; the values as TensorProtos. */
typedef struct {
  size_t count;
  Bytes names[MAX_TENSORS], values[MAX_TENSORS];
} Tensors;

static void tell(const char *what, const char *why) {
  printf("wrong: %s: ", what);
  for (; *why; why++) putchar(*why == '\n' || *why == '\t' ? ' ' : *why);
  putchar('\n');
}

static void fail(const char *what, const char *why) {
  tell(what, why);
  exit(2);
}

static void require(TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

static void *allocate(size_t size) {
  void *memory = malloc(size ? size : 1);
  if (!memory) fail("memory", "there is none left");
  return memory;
}

static size_t size_of(Bytes bytes) { return (size_t)(bytes.end - bytes.at); }

static int equal(Bytes a, Bytes b) {
  return size_of(a) == size_of(b) && !memcmp(a.at, b.at, size_of(a));
}

static int same(Bytes bytes, const char *text) {
  return size_of(bytes) == strlen(text) && !memcmp(bytes.at, text, strlen(text));
}

/* ---- Protocol buffers ---- */

static uint64_t read_varint(Bytes *message) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (message->at == message->end) fail("message", "it ends inside a number");
    uint8_t byte = *message->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return value;
  }
  fail("message", "a number has more than ten bytes");
  return 0;
}

/* The next field's number, and its bytes if it is a string or message; 0 at the end. */
static uint64_t next_field(Bytes *message, Bytes *value) {
  if (message->at == message->end) return 0;
  uint64_t tag = read_varint(message), size = 0;
  switch (tag & 7) {
    case 0: read_varint(message); break;
    case 1: size = 8; break;
    case 2: size = read_varint(message); break;
    case 5: size = 4; break;
    default: fail("message", "a field has a wire type that nobody writes");
  }
  if (size > size_of(*message)) fail("message", "a field is longer than its message");
  value->at = message->at;
  value->end = message->at += size;
  if (!(tag >> 3)) fail("message", "a field has the number 0");
  return (tag & 7) == 2 ? tag >> 3 : UINT64_MAX;
}

/* The last field of this number; empty if there is none. */
static Bytes field(Bytes message, uint64_t number) {
  Bytes value, found = {NULL, NULL};
  for (uint64_t n; (n = next_field(&message, &value));)
    if (n == number) found = value;
  return found;
}

/* The entries of the map that is this field. */
static void read_map(Bytes message, uint64_t number, Tensors *tensors) {
  Bytes entry;
  tensors->count = 0;
  for (uint64_t n; (n = next_field(&message, &entry));) {
    if (n != number) continue;
    if (tensors->count == MAX_TENSORS) fail("message", "it has more than 64 tensors");
    tensors->names[tensors->count] = field(entry, 1);
    tensors->values[tensors->count++] = field(entry, 2);
  }
}

static const Bytes *find(const Tensors *tensors, Bytes name) {
  for (size_t i = 0; i < tensors->count; i++)
    if (equal(tensors->names[i], name)) return &tensors->values[i];
  return NULL;
}

/* ---- Records ---- */

static uint32_t masked_crc32c(const uint8_t *at, size_t size) {
  uint32_t crc = ~0u;
  while (size--) {
    crc ^= *at++;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0x82f63b78u & -(crc & 1));
  }
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static uint64_t read_little(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  while (bytes--) value = value << 8 | at[bytes];
  return value;
}

static Bytes read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path, "it can't be read");
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  if (size < 0) fail(path, "its size can't be told");
  uint8_t *data = allocate((size_t)size);
  if (fread(data, 1, (size_t)size, file) != (size_t)size)
    fail(path, "it can't be read");
  fclose(file);
  return (Bytes){data, data + size};
}

/* The next record of a TFRecord file: its size, a check of it, its data, another. */
static int next_record(Bytes *file, Bytes *record) {
  if (file->at == file->end) return 0;
  if (size_of(*file) < 16) fail("records", "the file ends inside a record");
  uint64_t size = read_little(file->at, 8);
  if (read_little(file->at + 8, 4) != masked_crc32c(file->at, 8))
    fail("records", "the size of a record is damaged");
  if (size > size_of(*file) - 16) fail("records", "the file ends inside a record");
  record->at = file->at + 12;
  record->end = record->at + size;
  if (read_little(record->end, 4) != masked_crc32c(record->at, size))
    fail("records", "a record is damaged");
  file->at = record->end + 4;
  return 1;
}

/* ---- Tensors ---- */

/* The tensor that a TensorProto describes. */
static TF_Tensor *read_tensor(Bytes proto) {
  TF_Status *status = TF_NewStatus();
  TF_Buffer *buffer = TF_NewBufferFromString(proto.at, size_of(proto));
  TF_Tensor *tensor = TF_AllocateTensor(TF_FLOAT, NULL, 0, sizeof(float));
  TF_TensorFromProto(buffer, tensor, status);
  require(status, "a tensor of a record");
  TF_DeleteBuffer(buffer);
  TF_DeleteStatus(status);
  return tensor;
}

static int is_float(TF_DataType type) { return type == TF_FLOAT || type == TF_DOUBLE; }

static double float_at(const TF_Tensor *tensor, int64_t index) {
  const void *data = TF_TensorData(tensor);
  return TF_TensorType(tensor) == TF_FLOAT ? ((const float *)data)[index]
                                           : ((const double *)data)[index];
}

static int same_string(const TF_TString *a, const TF_TString *b) {
  size_t size = TF_StringGetSize(a);
  return size == TF_StringGetSize(b) &&
         !memcmp(TF_StringGetDataPointer(a), TF_StringGetDataPointer(b), size);
}

/* Whether a tensor is as expected: |a - b| <= t + t |a| for floats, else the same. */
static int compare(const TF_Tensor *expected, const TF_Tensor *received,
                   double tolerance, double *largest, const char **why) {
  int dims = TF_NumDims(expected);
  int64_t count = TF_TensorElementCount(expected);
  int good = 1;
  *why = "is of another type than recorded";
  if (TF_TensorType(expected) != TF_TensorType(received)) return 0;
  *why = "is of another shape than recorded";
  if (dims != TF_NumDims(received)) return 0;
  for (int i = 0; i < dims; i++)
    if (TF_Dim(expected, i) != TF_Dim(received, i)) return 0;
  *why = "differs from what was recorded";
  if (is_float(TF_TensorType(expected))) {
    for (int64_t i = 0; i < count; i++) {
      double a = float_at(expected, i), b = float_at(received, i);
      if (a == b || (isnan(a) && isnan(b))) continue;
      double difference = fabs(a - b);
      if (difference > *largest) *largest = difference;
      if (!(isfinite(difference) && difference <= tolerance + tolerance * fabs(a)))
        good = 0;
    }
  } else if (TF_TensorType(expected) == TF_STRING) {
    const TF_TString *a = TF_TensorData(expected), *b = TF_TensorData(received);
    for (int64_t i = 0; i < count; i++) good &= same_string(a + i, b + i);
  } else {
    good = !memcmp(TF_TensorData(expected), TF_TensorData(received),
                   TF_TensorByteSize(expected));
  }
  return good;
}

/* ---- The model ---- */

/* The tensor of the graph that a TensorInfo names, as "operation:index". */
static TF_Output graph_tensor(TF_Graph *graph, Bytes info) {
  Bytes name = field(info, 1);
  char text[NAME];
  if (size_of(name) >= NAME) fail("signature", "the name of a tensor is too long");
  memcpy(text, name.at, size_of(name));
  text[size_of(name)] = 0;
  char *colon = strrchr(text, ':');
  if (!colon) fail(text, "it is no name of a tensor");
  *colon = 0;
  TF_Output output = {TF_GraphOperationByName(graph, text), atoi(colon + 1)};
  if (!output.oper || output.index < 0 ||
      output.index >= TF_OperationNumOutputs(output.oper))
    fail(text, "the graph has no such tensor");
  return output;
}

typedef struct {
  TF_Graph *graph;
  TF_Session *session;
} Model;

typedef struct {
  int requests, good;
  int64_t rows;
  double largest;
} Found;

/* Asks one request and compares the answer with the recorded one. */
static void replay(Model model, Bytes signature, Bytes log, const char *what,
                   double tolerance, Found *found) {
  static Tensors inputs, outputs, given, recorded;
  TF_Status *status = TF_NewStatus();
  TF_Output feeds[MAX_TENSORS], fetches[MAX_TENSORS];
  TF_Tensor *fed[MAX_TENSORS], *answers[MAX_TENSORS] = {NULL};
  read_map(signature, 1, &inputs);
  read_map(signature, 2, &outputs);
  read_map(field(log, 1), 2, &given);
  read_map(field(log, 2), 1, &recorded);
  for (size_t i = 0; i < inputs.count; i++) {
    const Bytes *value = find(&given, inputs.names[i]);
    if (!value) fail(what, "an input is lacking");
    feeds[i] = graph_tensor(model.graph, inputs.values[i]);
    fed[i] = read_tensor(*value);
  }
  if (inputs.count && TF_NumDims(fed[0])) found->rows += TF_Dim(fed[0], 0);
  for (size_t i = 0; i < outputs.count; i++)
    fetches[i] = graph_tensor(model.graph, outputs.values[i]);
  TF_SessionRun(model.session, NULL, feeds, fed, (int)inputs.count, fetches, answers,
                (int)outputs.count, NULL, 0, NULL, status);
  for (size_t i = 0; i < inputs.count; i++) TF_DeleteTensor(fed[i]);
  if (TF_GetCode(status) != TF_OK) {
    tell(what, TF_Message(status));
    found->good = 0;
    outputs.count = 0;
  }
  for (size_t i = 0; i < outputs.count; i++) {
    const char *why = "has no recorded answer";
    const Bytes *value = find(&recorded, outputs.names[i]);
    TF_Tensor *expected = value ? read_tensor(*value) : NULL;
    if (!expected || !compare(expected, answers[i], tolerance, &found->largest, &why)) {
      printf("wrong: %s, output '%.*s': it %s\n", what, (int)size_of(outputs.names[i]),
             (const char *)outputs.names[i].at, why);
      found->good = 0;
    }
    if (expected) TF_DeleteTensor(expected);
    TF_DeleteTensor(answers[i]);
  }
  TF_DeleteStatus(status);
}

/* Replays the requests of one signature. */
static Found replay_signature(Model model, Bytes name, Bytes signature, Bytes records,
                              double tolerance) {
  Found found = {0, 1, 0, 0};
  int width = (int)size_of(name);
  char what[2 * NAME];
  Bytes record;
  while (next_record(&records, &record)) {
    Bytes log = field(record, 6);
    Bytes asked = field(field(field(log, 1), 1), 3);
    if (size_of(asked) ? !equal(asked, name) : !same(name, "serving_default")) continue;
    snprintf(what, sizeof what, "signature '%.*s', request %d", width,
             (const char *)name.at, found.requests++);
    replay(model, signature, log, what, tolerance, &found);
  }
  if (!found.requests) {
    snprintf(what, sizeof what, "signature '%.*s'", width, (const char *)name.at);
    tell(what, "there is no request to replay");
    found.good = 0;
  }
  printf("%.*s\t%d\t%" PRId64 "\t%.3g\n", width, (const char *)name.at,
         found.requests, found.rows, found.largest);
  return found;
}

int main(int count, char **arguments) {
  if (count < 3) fail(arguments[0], "VERSION_FOLDER TOLERANCE [LIBRARY_OF_OPS ...]");
  char *end;
  double tolerance = strtod(arguments[2], &end);
  if (*end || !(tolerance >= 0)) fail("TOLERANCE", "it must be a number of at least 0");
  TF_Status *status = TF_NewStatus();
  for (int i = 3; i < count; i++) {
    TF_LoadLibrary(arguments[i], status);
    require(status, arguments[i]);
  }
  const char *tag = "serve";
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Buffer *definition = TF_NewBuffer();
  Model model = {TF_NewGraph(), NULL};
  model.session = TF_LoadSessionFromSavedModel(options, NULL, arguments[1], &tag, 1,
                                               model.graph, definition, status);
  require(status, arguments[1]);

  static const char *const file = "/assets.extra/tf_serving_warmup_requests";
  char *path = allocate(strlen(arguments[1]) + strlen(file) + 1);
  strcat(strcpy(path, arguments[1]), file);
  Bytes records = read_file(path);
  Bytes meta_graph = {definition->data,
                      (const uint8_t *)definition->data + definition->length};
  int good = 1, requests = 0, recorded = 0;
  Bytes entry, left = records;
  for (uint64_t n; (n = next_field(&meta_graph, &entry));) {
    Bytes name = field(entry, 1);
    if (n != 5 || (size_of(name) > 1 && !memcmp(name.at, "__", 2))) continue;
    if (size_of(name) >= NAME) fail("signature", "its name is too long");
    Found found =
        replay_signature(model, name, field(entry, 2), records, tolerance);
    good &= found.good;
    requests += found.requests;
  }
  while (next_record(&left, &entry)) recorded++;
  if (requests != recorded) fail("records", "some name signatures that there aren't");
  TF_CloseSession(model.session, status);
  return !good;
}
