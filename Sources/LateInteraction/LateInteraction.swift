package enum LateInteractionModule {}
