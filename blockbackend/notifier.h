// SPDX-License-Identifier: Apache-2.0
//
// NotifierList and Notifier: who wants to be told when something happens to a backend.
//
//   Notifier<const NodeRef&> gone(backend.remove_notifiers(), [](const NodeRef& node) { ... });
//
// A Notifier is registered from its constructor to its destructor. While the list calls, a notifier
// may remove itself or others, add new ones (these are first called next time) and destroy the
// list. They are called in the order in which they were added; none is called from inside itself.
//
// Ownership: the list's owner and the notifiers' owners are strangers: whichever dies first is
//   forgotten by the other. Threading: one context. Errors: none.

#ifndef PLATTER_BLOCKBACKEND_NOTIFIER_H_
#define PLATTER_BLOCKBACKEND_NOTIFIER_H_

#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace platter {

template <typename... Args>
class Notifier;

template <typename... Args>
class NotifierList {
 public:
  NotifierList() = default;
  NotifierList(const NotifierList&) = delete;
  NotifierList& operator=(const NotifierList&) = delete;
  ~NotifierList() {
    for (Call* call = calls_; call != nullptr; call = call->outer) call->list_gone = true;
    while (first_ != nullptr) Remove(*first_);
  }

  bool empty() const { return first_ == nullptr; }

  void Notify(Args... args) {
    Call call{.outer = calls_, .next = first_};
    calls_ = &call;
    const uint64_t newest = added_;
    while (call.next != nullptr && call.next->number_ <= newest) {
      Notifier<Args...>& notifier = *call.next;
      call.next = notifier.after_;
      if (notifier.running_ != nullptr) continue;
      bool removed = false;
      notifier.running_ = &removed;
      // It stays whole while it runs, also when its notifier goes meanwhile.
      auto callback = std::move(notifier.callback_);
      callback(args...);
      if (!removed) {
        notifier.callback_ = std::move(callback);
        notifier.running_ = nullptr;
      }
      if (call.list_gone) return;
    }
    calls_ = call.outer;
  }

 private:
  friend class Notifier<Args...>;

  // A Notify under way.
  struct Call {
    Call* outer;
    Notifier<Args...>* next;
    bool list_gone = false;
  };

  void Add(Notifier<Args...>& notifier) {
    notifier.number_ = ++added_;
    notifier.before_ = last_;
    (last_ == nullptr ? first_ : last_->after_) = &notifier;
    last_ = &notifier;
  }
  void Remove(Notifier<Args...>& notifier) {
    for (Call* call = calls_; call != nullptr; call = call->outer) {
      if (call->next == &notifier) call->next = notifier.after_;
    }
    (notifier.before_ == nullptr ? first_ : notifier.before_->after_) = notifier.after_;
    (notifier.after_ == nullptr ? last_ : notifier.after_->before_) = notifier.before_;
    notifier.list_ = nullptr;
  }

  Notifier<Args...>* first_ = nullptr;
  Notifier<Args...>* last_ = nullptr;
  uint64_t added_ = 0;
  Call* calls_ = nullptr;
};

template <typename... Args>
class Notifier {
 public:
  Notifier(NotifierList<Args...>& list, absl::AnyInvocable<void(Args...)> callback)
      : list_(&list), callback_(std::move(callback)) {
    list.Add(*this);
  }
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;
  ~Notifier() {
    if (running_ != nullptr) *running_ = true;
    if (list_ != nullptr) list_->Remove(*this);
  }

 private:
  friend class NotifierList<Args...>;

  NotifierList<Args...>* list_;
  absl::AnyInvocable<void(Args...)> callback_;
  bool* running_ = nullptr;  // Set while it is called: becomes true when it goes.
  uint64_t number_ = 0;      // In the order of adding.
  Notifier* before_ = nullptr;
  Notifier* after_ = nullptr;
};

}  // namespace platter

#endif  // PLATTER_BLOCKBACKEND_NOTIFIER_H_
