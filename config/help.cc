// SPDX-License-Identifier: Apache-2.0

#include "config/help.h"

#include <algorithm>
#include <vector>

#include "google/protobuf/descriptor.h"

#include "config/proto/schema.pb.h"
#include "config/schema.h"

namespace platter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;

constexpr size_t kWidth = 100;
constexpr size_t kMaxLeft = 44;  // a longer left column has its help on the next line
constexpr size_t kMaxType = 40;  // a longer list of choices is told below the table
constexpr std::string_view kIndent = "  ";

struct Row {
  std::string left;
  std::string right;
};

// The text in lines of at most `width`, broken at blanks.
std::vector<std::string> Wrap(const std::string& text, size_t width) {
  std::vector<std::string> lines;
  size_t begin = 0;
  while (text.size() - begin > width) {
    size_t blank = text.rfind(' ', begin + width);
    if (blank == std::string::npos || blank <= begin) blank = text.find(' ', begin + width);
    if (blank == std::string::npos) break;
    lines.push_back(text.substr(begin, blank - begin));
    begin = blank + 1;
  }
  lines.push_back(text.substr(begin));
  return lines;
}

size_t LeftWidth(const std::vector<Row>& rows) {
  size_t left = 0;
  for (const Row& row : rows) {
    if (row.left.size() <= kMaxLeft) left = std::max(left, row.left.size());
  }
  return left;
}

// The rows as two columns, the first of them `left` wide.
std::string Format(const std::vector<Row>& rows, size_t left) {
  const size_t column = kIndent.size() + left + 2;
  std::string out;
  for (const Row& row : rows) {
    out.append(kIndent).append(row.left);
    size_t at = kIndent.size() + row.left.size();
    if (at + 2 > column) {
      out += '\n';
      at = 0;
    }
    for (const std::string& line : Wrap(row.right, kWidth - column)) {
      out.append(column - at, ' ').append(line).append("\n");
      at = 0;
    }
  }
  return out;
}

std::string Description(const SchemaOption& option) {
  std::string text = option.spec->help();
  if (option.spec->required()) {
    text += " (required)";
  } else if (option.spec->has_default_value()) {
    const std::string& value = option.spec->default_value();
    text += " (default: " + (value.empty() ? "empty" : value) + ")";
  } else if (option.spec->has_default_text()) {
    text += " (default: " + option.spec->default_text() + ")";
  }
  return text;
}

// "BlkdebugEvent" -> "blkdebug-event".
std::string EnumTitle(const EnumDescriptor* type) {
  std::string title;
  for (const char c : type->name()) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !title.empty()) title += '-';
    title += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return title;
}

// The rows of a table, and the enumerations that are too long to be written out in them.
struct Table {
  std::vector<Row> rows;
  std::vector<const EnumDescriptor*> long_types;
};

std::string ShownType(const FieldDescriptor* field, Table& table) {
  std::string type = TypeText(field);
  // The option's name has the .N of a list already.
  if (field->is_repeated()) type.erase(0, std::string_view("list of ").size());
  if (type.size() <= kMaxType || field->enum_type() == nullptr) return type;
  if (!std::ranges::count(table.long_types, field->enum_type())) {
    table.long_types.push_back(field->enum_type());
  }
  return EnumTitle(field->enum_type());
}

// A row per option; groups and lists of groups are written out with dotted names.
void AddRows(const Descriptor* message, const std::string& prefix, Table& table) {
  const MessageSchema schema(message);
  for (const SchemaOption& option : schema.options()) {
    const FieldDescriptor* field = option.field;
    const std::string name = prefix + option.name + (field->is_repeated() ? ".N" : "");
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const MessageSchema member(field->message_type());
      if (!member.is_alternate() && !member.is_union()) {
        if (field->is_repeated()) table.rows.push_back({name + ".<...>", Description(option)});
        AddRows(field->message_type(), name + ".", table);
        continue;
      }
      if (member.is_union()) {
        std::string choices;
        for (const SchemaOption& variant : member.variants()) {
          choices.append(choices.empty() ? "" : "|").append(variant.name);
        }
        table.rows.push_back(
            {name + "." + member.discriminator() + "=<" + choices + ">", Description(option)});
        AddRows(field->message_type(), name + ".", table);
        for (const SchemaOption& variant : member.variants()) {
          AddRows(variant.field->message_type(), name + ".", table);
        }
        continue;
      }
    }
    table.rows.push_back({name + "=<" + ShownType(field, table) + ">", Description(option)});
  }
}

std::string LongTypesHelp(const Table& table) {
  std::string out;
  for (const EnumDescriptor* type : table.long_types) {
    std::string list = "<" + EnumTitle(type) + "> is one of ";
    std::string_view separator = "";
    for (const SchemaChoice& choice : EnumChoices(type)) {
      list.append(separator).append(choice.name);
      separator = ", ";
    }
    out += '\n';
    for (const std::string& line : Wrap(list, kWidth)) out += line + "\n";
  }
  return out;
}

bool HasNode(const Descriptor* message) {
  const MessageSchema schema(message);
  return std::ranges::any_of(schema.options(), [](const SchemaOption& option) {
    const Descriptor* type = option.field->message_type();
    return type != nullptr && MessageSchema(type).is_alternate();
  });
}

}  // namespace

std::string VariantListHelp(const Descriptor* type, std::string_view option) {
  const MessageSchema schema(type);
  std::vector<Row> rows;
  for (const SchemaOption& variant : schema.variants()) {
    rows.push_back({variant.name, variant.spec->help()});
  }
  std::string out = "Values of " + schema.discriminator() + ":\n" + Format(rows, LeftWidth(rows));
  return out.append("\n")
      .append(option)
      .append(" ")
      .append(schema.discriminator())
      .append("=NAME,help tells the options of one.\n");
}

std::string VariantHelp(const Descriptor* type, const SchemaOption& variant,
                        std::string_view option) {
  const MessageSchema schema(type);
  const Descriptor* message = variant.field->message_type();
  std::string out(option);
  out += " " + schema.discriminator() + "=" + variant.name + ": " + variant.spec->help() + "\n";
  Table own;
  AddRows(message, "", own);
  Table common;
  AddRows(type, "", common);
  // Both tables line up.
  const size_t left = std::max(LeftWidth(own.rows), LeftWidth(common.rows));
  if (!own.rows.empty()) out += "\nOptions:\n" + Format(own.rows, left);
  if (!common.rows.empty()) {
    out += "\nOptions of every " + schema.discriminator() + ":\n" + Format(common.rows, left);
  }
  out += LongTypesHelp(own) + LongTypesHelp(common);
  if (HasNode(message)) {
    out += "\n<node> is the node-name of an existing node, or a node of its own: write its " +
           schema.discriminator() + " and options\nwith the option's name and a dot in front (" +
           "file." + schema.discriminator() + "=null-co).\n";
  }
  return out;
}

}  // namespace platter
